// SPDX-License-Identifier: LGPL-3.0-or-later

// Package multiprog reads the files of flux multi-prog (flux-multi-prog(1)):
// which command each task of a job runs. It promises a command for a task or an
// error that names the file's line; it runs nothing.
package multiprog
