// Package nodes runs several servers on one PostgreSQL database and one object
// store, as an organisation does that must not stop: they are killed, paused,
// replaced and cut off while senders deliver, the database fails over, and
// afterwards everything that was acknowledged is there, once and proven.
package nodes
