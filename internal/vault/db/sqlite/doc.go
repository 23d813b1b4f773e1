// Package sqlite opens the control database of one machine, and projections, as
// SQLite files that SQLite3 Multiple Ciphers encrypts with ChaCha20-Poly1305: in
// WAL mode, the control database with synchronous=FULL, so that what a transaction
// acknowledged survives a power cut. One connection writes.
package sqlite
