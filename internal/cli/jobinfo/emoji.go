// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

// stateEmoji is a picture of the job's state.
func (j *Job) stateEmoji() string {
	switch j.State {
	case StateNew:
		return "🎁"
	case StateDepend:
		return "🛑"
	case StatePriority:
		return "🚦"
	case StateSched:
		return "📅"
	case StateRun:
		return "🏃"
	case StateCleanup:
		return "🗑"
	case StateInactive:
		return "💀"
	}
	return ""
}

// resultEmoji is a picture of the job's result.
func (j *Job) resultEmoji() string {
	switch j.Result {
	case ResultCompleted:
		return "😀"
	case ResultFailed:
		return "💩"
	case ResultCanceled:
		return "💥"
	case ResultTimeout:
		return "⌛"
	}
	return "\u3000"
}

func (j *Job) statusEmoji() string {
	if j.Active() {
		return j.stateEmoji()
	}
	return j.resultEmoji()
}
