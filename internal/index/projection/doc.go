// Package projection is the searchable copy of index records: an encrypted SQLite
// file with an FTS5 table for each holder and month, under a key that is derived
// from the holder's seed and a salt in a row of the control database. A file can be
// deleted at any time and comes back the same; each node has files of its own, all
// under the salt of the one row. A [Shelf] keeps files open while sessions that
// reach them are, so that a search need not open a year of them anew.
package projection
