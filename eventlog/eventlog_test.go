// SPDX-License-Identifier: LGPL-3.0-or-later

package eventlog

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// jobLog was written by flux-core.
const jobLog = `{"timestamp":1795378506.0034442,"name":"submit","context":{"userid":1001,"urgency":16,"flags":0,"version":1}}
{"timestamp":1795378506.0192263,"name":"validate"}
{"timestamp":1795378506.034153,"name":"depend"}
{"timestamp":1795378506.0341961,"name":"priority","context":{"priority":16}}
{"timestamp":1795378506.0434058,"name":"alloc","context":{"annotations":{"sched":{"resource_summary":"rank0/core0"}}}}
{"timestamp":1795378506.05758,"name":"start"}
{"timestamp":1795378506.0526919,"name":"starting"}
{"timestamp":1795382737.0,"name":"clean"}
`

// rfcLog is the example of RFC 18, with the quotes it lacks.
const rfcLog = `{"timestamp":1552593348.073045,"name":"submit","context":{"urgency":16,"userid":5588,"flags":0}}
{"timestamp":1552593547.411336,"name":"urgency","context":{"urgency":0,"userid":5588}}
{"timestamp":1552593348.088391,"name":"alloc","context":{"note":"rank0/core[0-1]"}}
{"timestamp":1552593348.093541,"name":"free"}
{"timestamp":1552593348.089787,"name":"start"}
{"timestamp":1552593348.092830,"name":"release","context":{"ranks":"all","final":true}}
{"timestamp":1552593348.090927,"name":"finish","context":{"status":0}}
{"timestamp":1552593348.104432,"name":"clean"}
`

func encode(entries []Entry) string {
	var b []byte
	for _, e := range entries {
		b = e.Append(b)
	}
	return string(b)
}

func TestSameBytesAsFluxCore(t *testing.T) {
	entries, err := Parse([]byte(jobLog))
	if err != nil || encode(entries) != jobLog {
		t.Errorf("%v\ngot\n%swant\n%s", err, encode(entries), jobLog)
	}
}

func TestParse(t *testing.T) {
	entries, err := Parse([]byte(rfcLog))
	if err != nil || len(entries) != 8 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	e := entries[5]
	var release struct {
		Ranks string `json:"ranks"`
		Final bool   `json:"final"`
	}
	if err := e.UnmarshalContext(&release); err != nil {
		t.Fatal(err)
	}
	if e.Timestamp != 1552593348.09283 || e.Name != "release" || release.Ranks != "all" || !release.Final {
		t.Errorf("got %s", e)
	}
	if entries[7].Context != nil {
		t.Errorf("context %s out of nothing", entries[7].Context)
	}
	if none, err := Parse(nil); err != nil || len(none) != 0 {
		t.Errorf("empty log: %v, %v", none, err)
	}
	e, err = ParseEntry([]byte(` { "name" : "x", "other":[1,{}], "context" : { "a b" : "c d" } , "timestamp" : 2 } ` + "\n"))
	if want := `{"timestamp":2.0,"name":"x","context":{"a b":"c d"}}`; err != nil || e.String() != want {
		t.Errorf("got %s, %v, want %s", e, err, want)
	}
}

func TestParseErrors(t *testing.T) {
	ok := `{"timestamp":1,"name":"a"}` + "\n"
	for _, tc := range []struct {
		in           string
		line, column int
		reason       string
	}{
		{ok + `{"timestamp":1,"name":"a"}`, 2, 27, "no newline"},
		{ok + "\n", 2, 1, "JSON object"},
		{"[]\n", 1, 1, "JSON object"},
		{"}\n", 1, 1, "invalid character"},
		{ok + ok + `{"timestamp":1,"name":"a"` + "\n", 3, 26, "EOF"},
		{`{"timestamp":"1","name":"a"}` + "\n", 1, 13, "must be a number"},
		{`{"timestamp":0,"name":"a"}` + "\n", 1, 13, "above zero"},
		{`{"timestamp":-1.5,"name":"a"}` + "\n", 1, 13, "above zero"},
		{`{"timestamp":1e999,"name":"a"}` + "\n", 1, 13, "range"},
		{`{"timestamp":1,"name":7}` + "\n", 1, 22, "must be a string"},
		{`{"timestamp":1,"name":""}` + "\n", 1, 22, "empty"},
		{`{"timestamp":1,"name":"a","context":[]}` + "\n", 1, 36, "must be a JSON object"},
		{`{"timestamp":1,"name":"a","context":null}` + "\n", 1, 36, "must be a JSON object"},
		{`{"timestamp":1}` + "\n", 1, 1, `no "name"`},
		{`{"name":"a"}` + "\n", 1, 1, `no "timestamp"`},
		{`{"timestamp":1,"name":"a"}{}` + "\n", 1, 27, "more than one"},
		{`{"timestamp":1,"name":"a"} x` + "\n", 1, 28, "invalid character"},
		{`{"timestamp":1,"timestamp":2,"name":"a"}` + "\n", 1, 16, "duplicate"},
		{"{\"timestamp\":1,\"name\":\"\xff\"}\n", 1, 24, "UTF-8"},
		{`{"timestamp":1,"name":"a","context":` + strings.Repeat("[", 20000) + "\n", 1, 10036, "depth"},
	} {
		entries, err := Parse([]byte(tc.in))
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%.60q): error %v, want a ParseError", tc.in, err)
			continue
		}
		if pe.Line != tc.line || pe.Column != tc.column || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Parse(%.60q): %v; want %d, %d: %s", tc.in, err, tc.line, tc.column, tc.reason)
		}
		if len(entries) != tc.line-1 {
			t.Errorf("Parse(%.60q): %d entries before the error", tc.in, len(entries))
		}
	}
	if _, err := ParseEntry([]byte(ok + ok)); err == nil {
		t.Error("two lines are one entry")
	}
}

func TestNew(t *testing.T) {
	e, err := New(1.5, "finish", map[string]any{"status": 0, "note": "<a&b>"})
	if want := `{"timestamp":1.5,"name":"finish","context":{"note":"<a&b>","status":0}}`; err != nil || e.String() != want {
		t.Errorf("got %s, %v, want %s", e, err, want)
	}
	for _, tc := range []struct {
		timestamp float64
		name      string
		context   any
	}{{0, "a", nil}, {1, "", nil}, {1, "a", 7}, {1, "a", json.RawMessage("{")}, {1, "\xff", nil}} {
		if e, err := New(tc.timestamp, tc.name, tc.context); err == nil {
			t.Errorf("%v became %s", tc, e)
		}
	}
}

// Whatever is in a context, the event is one line.
func TestAppendIsOneLine(t *testing.T) {
	for raw, want := range map[string]string{
		"{\n \"a\":\t\" b \\\" c\" }": `{"a":" b \" c"}`,
		"{\"a\nb\"":                   `{"ab"`,
	} {
		got := Entry{Timestamp: 1, Name: "x", Context: json.RawMessage(raw)}.String()
		if got != `{"timestamp":1.0,"name":"x","context":`+want+"}" {
			t.Errorf("%q: %s", raw, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var context any
		if rapid.Bool().Draw(t, "context") {
			context = rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "members")
		}
		e, err := New(rapid.Float64Min(1e-300).Draw(t, "timestamp"), rapid.StringN(1, -1, -1).Draw(t, "name"), context)
		if err != nil {
			t.Skip(err)
		}
		back, err := Parse(e.Append(nil))
		if err != nil || len(back) != 1 || !reflect.DeepEqual(back[0], e) {
			t.Fatalf("%s is read as %v, %v", e, back, err)
		}
	})
}

func format(t *testing.T, f *Formatter, log string) string {
	t.Helper()
	entries, err := Parse([]byte(log))
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, e := range entries {
		b = f.Append(b, e)
	}
	return string(b)
}

const shortLog = `{"timestamp":1795378506.0034442,"name":"submit","context":{"userid":1001,"note":"a b","final":true}}
{"timestamp":1795378506.0192263,"name":"validate"}
{"timestamp":1795378560.5,"name":"exception","context":{"note": {"x": 1}}}
`

func TestFormatter(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    Formatter
		want string
	}{
		{"raw", Formatter{}, `1795378506.003444 submit userid=1001 note="a b" final=true
1795378506.019226 validate
1795378560.500000 exception note={"x":1}
`},
		{"json", Formatter{Format: JSON}, strings.ReplaceAll(shortLog, `": `, `":`)},
		{"iso", Formatter{Time: ISO}, `2026-11-22T20:15:06.003444Z submit userid=1001 note="a b" final=true
2026-11-22T20:15:06.019226Z validate
2026-11-22T20:16:00.500000Z exception note={"x":1}
`},
		{"offset", Formatter{Time: Offset}, `0.000000 submit userid=1001 note="a b" final=true
0.015782 validate
54.496556 exception note={"x":1}
`},
		{"human", Formatter{Time: Human}, `[Nov22 20:15] submit userid=1001 note="a b" final=true
[  +0.015782] validate
[Nov22 20:16] exception note={"x":1}
`},
		{"colour", Formatter{Time: Human, Color: true}, "\x1b[1m\x1b[32m[Nov22 20:15]\x1b[0m \x1b[33msubmit\x1b[0m" +
			" \x1b[34muserid\x1b[0m=\x1b[37m1001\x1b[0m \x1b[34mnote\x1b[0m=\x1b[35m\"a b\"\x1b[0m \x1b[34mfinal\x1b[0m=\x1b[35mtrue\x1b[0m\n" +
			"\x1b[32m[  +0.015782]\x1b[0m \x1b[33mvalidate\x1b[0m\n" +
			"\x1b[1m\x1b[32m[Nov22 20:16]\x1b[0m \x1b[1m\x1b[31mexception\x1b[0m \x1b[34mnote\x1b[0m=\x1b[35m{\"x\":1}\x1b[0m\n"},
	} {
		tc.f.Location = time.UTC
		if got := format(t, &tc.f, shortLog); got != tc.want {
			t.Errorf("%s: got\n%swant\n%s", tc.name, got, tc.want)
		}
	}
	f := Formatter{Time: ISO, Location: time.FixedZone("", -5*3600)}
	if got := format(t, &f, shortLog); !strings.HasPrefix(got, "2026-11-22T15:15:06.003444-05:00 submit") {
		t.Errorf("time zone: %s", got)
	}
}

func TestFormatterKeepsTerminalSafe(t *testing.T) {
	got := format(t, &Formatter{}, `{"timestamp":1,"name":"a\u001b[2J","context":{"k\u0007":"v\u001b"}}`+"\n")
	if want := "1.000000 a\\x1b[2J k\\a=\"v\\u001b\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseFormats(t *testing.T) {
	if f, err := ParseFormat("JSON"); err != nil || f != JSON {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := ParseTimeFormat("reltime"); err != nil || f != Human {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml")
	}
	if _, err := ParseTimeFormat("noon"); err == nil {
		t.Error("noon")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{jobLog, rfcLog, shortLog, "", "\n", `{"timestamp":1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		entries, err := Parse(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Line < 1 || pe.Column < 1 || pe.Column > len(in)+1 {
				t.Fatalf("Parse(%q): bad error %v", in, err)
			}
		}
		var formatter Formatter
		for _, e := range entries {
			formatter.Append(nil, e)
			if err := e.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		text := encode(entries)
		back, err := Parse([]byte(text))
		if err != nil || encode(back) != text {
			t.Fatalf("%q reads back as %q, %v", text, encode(back), err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	log := []byte(jobLog)
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		if _, err := Parse(log); err != nil {
			b.Fatal(err)
		}
	}
}
