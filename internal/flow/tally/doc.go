// Package tally counts what each source hands in: messages that were sealed, retries
// that were recognised, and what was refused and why, hour by hour (requirement
// BX-01: N received = N sealed + M references + K refused).
//
// What was sealed or recognised is counted in the transaction that makes it true, so
// these counts are exact. Refusals are counted in memory and written every half
// minute and at the end: a crash loses those of less than a minute, and nothing else.
// Several nodes add to the same rows. When an hour has passed, each row of it becomes
// an entry of kind tally in the tenant's audit log (docs/formats/entry.md), once, and
// is changed no more.
package tally
