// Package ingest is the receiving half of an import: it takes messages that a command
// reads from files, brings them to the commit point as the doors do, and keeps how far
// it came, so that the same command goes on where an earlier one ended.
//
// A job is known by its tenant, the paths and the recipient. Its items, messages and
// files that are none, have places in the order in which they come. They are on their
// way together, so that they share groups at the commit, and are settled in order: what
// became of an item is told and counted only when all before it are settled. The cursor
// behind the last settled item, which is the command's and sealed here, is written with
// the counts about every second. What was accepted behind it is noted in the transaction
// that commits the message, so that a job that goes on counts it once, as accepted; a
// message that the archive has already is counted as a reference and not kept twice
// (requirement EX-01).
//
// A job runs once at a time, at whatever node: its row names the run that goes on with it,
// which says so every few seconds, and each save asks for it (run.go).
//
// Paths are personal data: they are sealed under a key of the tenant, and in no log.
package ingest
