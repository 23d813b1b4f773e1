package db

import "database/sql"

// Pools returns the connections that write and those that read.
func (d *DB) Pools() (write, read *sql.DB) { return d.write, d.read }

// Prepared returns how many statements are prepared, and how many wait for it.
func (d *DB) Prepared() (ready, wanted int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.prepared), len(d.wanted)
}

// Readers is the number of connections that read.
func Readers() int { return readers() }
