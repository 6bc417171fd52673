// SPDX-License-Identifier: LGPL-3.0-or-later

// Package sim runs a whole instance, many brokers, in one goroutine under fake
// time: the services are the real ones, and everything they see of the world,
// clock, network, disk, processes, comes from one queue of events whose every
// choice is drawn from a seed. So a seed is a history, and a history that
// breaks a promise can be lived again.
//
// Real: the job services, scheduler, resource, execution, job agent, KVS,
// content and groups services with their cores; the store with its SQLite file;
// each broker's router. Simulated: the loop that hosts a module, the links
// between brokers (a model of the overlay service over the real core), the
// processes of a node, and the users.
//
// What goes wrong: brokers are killed and paused; nodes lose their power, and
// with it what was not synchronized; writes are torn; the disk is full; links
// are slow, blocked in one direction or both, or break; clocks jump.
//
// What is checked, all the while: what was acknowledged is there after any
// crash; no core or GPU has two jobs, by the event logs and on the node itself;
// a job is started once in an attempt and ends once; every event log is a legal
// walk of RFC 21; what the log says is what the services show; and, when the
// faults have ended, everything comes to rest within a bounded time.
//
// It differs from production in what the model leaves out: threads, sockets,
// TLS, real shells. Those are for the tests in test/ and make soak.
package sim
