package db

// Prepared returns how many statements are prepared, and how many wait for it.
func (d *DB) Prepared() (ready, wanted int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.prepared), len(d.wanted)
}
