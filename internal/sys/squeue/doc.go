// SPDX-License-Identifier: LGPL-3.0-or-later

// Package squeue asks Slurm how much time a job has left, for instances that
// run inside one.
package squeue
