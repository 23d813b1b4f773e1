package projection

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Key names a projection.
type Key struct {
	Tenant, Holder mail.ID
	Month          int
}

// Keys are an unlocked session: seal.Session.
type Keys interface {
	Terms(holder mail.HolderID) []int
	ProjectionKey(holder mail.HolderID, term int, salt []byte) (secret.Key, error)
	AtClose(f func())
}

// How many files stay open that nobody uses, and how long: many years of one archive,
// with a cache of 4 MiB at most for each reader.
const (
	MaxIdle = 200
	idle    = 5 * time.Minute
)

// Shelf has the files of a folder. Use it from many goroutines.
type Shelf struct {
	dir string

	mu       sync.Mutex
	slots    map[Key]*slot           // guarded by mu
	sessions map[Keys]map[*File]bool // the files that a session has used; guarded by mu
	sweeper  *time.Timer             // nil while no file is open; guarded by mu
	closed   bool                    // guarded by mu
}

// slot is the place of one projection on the shelf.
type slot struct {
	opening sync.Mutex // held while the file is opened or made
	file    *File      // nil where it is not open; guarded by Shelf.mu
}

// NewShelf returns a shelf for the files in a folder.
func NewShelf(dir string) *Shelf {
	return &Shelf{dir: dir, slots: make(map[Key]*slot), sessions: make(map[Keys]map[*File]bool)}
}

// Row is what the control database has of a projection. The zero Row is of none.
type Row struct {
	Term int // of the holder, whose seed the file's key comes from
	Salt []byte
}

// saltSize is that of a projection's salt, in octets.
const saltSize = 32

// Rows returns the rows of a holder's projections by month.
func Rows(ctx context.Context, t db.Tenant, holder mail.HolderID) (list map[int]Row, err error) {
	rows, err := t.Query(ctx, `SELECT month, term, salt FROM index_projection WHERE tenant = $1 AND holder = $2`, holder.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	list = make(map[int]Row)
	for rows.Next() {
		var month int
		var r Row
		if err := rows.Scan(&month, &r.Term, &r.Salt); err != nil {
			return nil, err
		}
		list[month] = r
	}
	return list, rows.Err()
}

// Forget deletes the salts of a holder's projections: no key of theirs can be made again.
func Forget(ctx context.Context, tx *db.Tx, holder mail.HolderID) error {
	_, err := tx.Exec(ctx, `DELETE FROM index_projection WHERE tenant = $1 AND holder = $2`, holder.Bytes())
	return err
}

// Remove deletes the files of a holder on this node. Who has one open keeps it until it is
// given back.
func (h *Shelf) Remove(tenant mail.TenantID, holder mail.HolderID) error {
	return os.RemoveAll(filepath.Join(h.dir, tenant.String(), holder.String()))
}

// Take returns a projection, open, through a session, or begins it anew where it is
// missing, of another version, unreadable, or under a key that the session does not
// reach. row is what [Rows] has of it. The caller gives it back.
func (h *Shelf) Take(ctx context.Context, t db.Tenant, s Keys, month int, holder mail.HolderID, row Row) (_ *File, err error) {
	defer fault.Wrap(&err, "projection %d", month)
	k := Key{t.ID(), holder, month}
	slot := h.slot(k)
	slot.opening.Lock()
	defer slot.opening.Unlock()
	if f := h.reuse(slot, s, row); f != nil {
		return f, nil
	}
	if unfit(s, k, row) {
		// Who had the slot before may have begun the projection: with the row of before
		// that, everybody who waits would begin it anew, under the others' feet.
		rows, err := Rows(ctx, t, holder)
		if err != nil {
			return nil, err
		}
		row = rows[month]
		if f := h.reuse(slot, s, row); f != nil {
			return f, nil
		}
	}
	f, err := h.open(ctx, t, s, k, row)
	if err != nil {
		return nil, err
	}
	return f, h.put(slot, s, f)
}

// unfit reports whether a projection takes another row than the one that it has.
func unfit(s Keys, k Key, row Row) bool {
	return len(row.Salt) != saltSize || !slices.Contains(s.Terms(k.Holder), row.Term)
}

// put puts a file that was opened on the shelf, for the session that uses it.
func (h *Shelf) put(slot *slot, s Keys, f *File) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return errors.Join(errShut, f.close())
	}
	gone := h.unshelve(slot)
	slot.file, f.slot, f.shelf = f, slot, h
	fresh := h.use(f, s)
	if h.sweeper == nil {
		h.sweeper = time.AfterFunc(idle, h.sweep)
	}
	gone = append(gone, h.crowded()...)
	h.mu.Unlock()
	closeAll(gone)
	h.follow(s, fresh)
	return nil
}

var errShut = errors.New("projection: the shelf is closed")

func (h *Shelf) slot(k Key) *slot {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.slots[k] == nil {
		h.slots[k] = new(slot)
	}
	return h.slots[k]
}

// reuse takes the file that is open, if it is the one of the row, still lies there,
// and the session reaches its key.
func (h *Shelf) reuse(slot *slot, s Keys, row Row) *File {
	h.mu.Lock()
	f := slot.file
	h.mu.Unlock()
	if f == nil || f.term != row.Term || !slices.Equal(f.salt, row.Salt) || !slices.Contains(s.Terms(f.key.Holder), f.term) || !f.there() {
		return nil
	}
	h.mu.Lock()
	if slot.file != f { // its last session has ended meanwhile
		h.mu.Unlock()
		return nil
	}
	fresh := h.use(f, s)
	h.mu.Unlock()
	h.follow(s, fresh)
	return f
}

// use notes that a session uses a file, and reports whether it is the session's
// first. The caller holds mu, and calls follow when he has given it back.
func (h *Shelf) use(f *File, s Keys) (fresh bool) {
	f.users++
	f.used = time.Now()
	files, known := h.sessions[s]
	if !known {
		files = make(map[*File]bool)
		h.sessions[s] = files
	}
	files[f] = true
	f.sessions[s] = true
	return !known
}

// follow hears of the end of a session; one that has ended says so at once.
func (h *Shelf) follow(s Keys, fresh bool) {
	if fresh {
		s.AtClose(func() { h.leave(s) })
	}
}

// leave closes what only a session that has ended has used.
func (h *Shelf) leave(s Keys) {
	h.mu.Lock()
	var gone []*File
	for f := range h.sessions[s] {
		delete(f.sessions, s)
		if len(f.sessions) == 0 && f.slot.file == f {
			gone = append(gone, h.unshelve(f.slot)...)
		}
	}
	delete(h.sessions, s)
	h.mu.Unlock()
	closeAll(gone)
}

// unshelve takes the file out of its slot and returns it where nobody uses it; who
// does closes it. The caller holds mu.
func (h *Shelf) unshelve(slot *slot) []*File {
	f := slot.file
	if f == nil {
		return nil
	}
	slot.file = nil
	for s := range f.sessions {
		delete(h.sessions[s], f)
	}
	if f.users > 0 {
		return nil
	}
	return []*File{f}
}

// crowded takes out the files that were not used for the longest time where there
// are too many. The caller holds mu.
func (h *Shelf) crowded() (gone []*File) {
	free := h.unused()
	if len(free) <= MaxIdle {
		return nil
	}
	slices.SortFunc(free, func(a, b *File) int { return a.used.Compare(b.used) })
	for _, f := range free[:len(free)-MaxIdle] {
		gone = append(gone, h.unshelve(f.slot)...)
	}
	return gone
}

// unused returns the open files that nobody uses. The caller holds mu.
func (h *Shelf) unused() (list []*File) {
	for _, slot := range h.slots {
		if slot.file != nil && slot.file.users == 0 {
			list = append(list, slot.file)
		}
	}
	return list
}

// sweep closes what nobody has used for a while, and comes back while files are
// open.
func (h *Shelf) sweep() {
	h.mu.Lock()
	var gone []*File
	for _, f := range h.unused() {
		if time.Since(f.used) >= idle {
			gone = append(gone, h.unshelve(f.slot)...)
		}
	}
	open := false
	for _, slot := range h.slots {
		open = open || slot.file != nil
	}
	if open && !h.closed {
		h.sweeper.Reset(idle / 5)
	} else {
		h.sweeper = nil
	}
	h.mu.Unlock()
	closeAll(gone)
}

// Close closes every file, those in use when they are given back.
func (h *Shelf) Close() error {
	h.mu.Lock()
	h.closed = true
	if h.sweeper != nil {
		h.sweeper.Stop()
	}
	var gone []*File
	for _, slot := range h.slots {
		gone = append(gone, h.unshelve(slot)...)
	}
	h.mu.Unlock()
	var errs []error
	for _, f := range gone {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}

// closeAll closes files that can be made again: what fails is found when they are
// opened the next time.
func closeAll(files []*File) {
	for _, f := range files {
		_ = f.close()
	}
}

// Give gives the file back. One that turned out to be damaged is not used again.
func (f *File) Give() {
	h := f.shelf
	h.mu.Lock()
	f.users--
	f.used = time.Now()
	var gone []*File
	if f.broken.Load() && f.slot.file == f {
		h.unshelve(f.slot)
	}
	if f.users == 0 && f.slot.file != f {
		gone = []*File{f}
	}
	h.mu.Unlock()
	closeAll(gone)
}

// open opens the file of a row, or makes one.
func (h *Shelf) open(ctx context.Context, t db.Tenant, s Keys, k Key, row Row) (*File, error) {
	if len(row.Salt) == saltSize {
		f, err := h.openFile(ctx, s, k, row)
		if err == nil {
			return f, nil
		}
		if kind := fault.Of(err); kind == fault.Exhausted || kind == fault.Busy || kind == fault.Locked {
			return nil, err
		}
	}
	if unfit(s, k, row) {
		var err error
		if row, err = newRow(ctx, t, s, k); err != nil {
			return nil, err
		}
	}
	return h.begin(ctx, s, k, row)
}

// newRow gives a projection a fresh salt and the holder's newest key: earlier files,
// of all nodes, open no more.
func newRow(ctx context.Context, t db.Tenant, s Keys, k Key) (Row, error) {
	terms := s.Terms(k.Holder)
	if len(terms) == 0 {
		return Row{}, fault.New(fault.Locked, "the session has ended, please sign in again")
	}
	fresh := seal.NewSalt()
	row := Row{Term: slices.Max(terms), Salt: fresh[:]}
	return row, t.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO index_projection (tenant, holder, month, term, salt) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant, holder, month) DO UPDATE SET term = excluded.term, salt = excluded.salt`,
			k.Holder.Bytes(), k.Month, row.Term, row.Salt)
		return err
	})
}

// path is where a projection lies. The salt is in its name, so a new one never
// meets the old file.
func (h *Shelf) path(k Key, salt []byte) string {
	return filepath.Join(h.dir, k.Tenant.String(), k.Holder.String(), fmt.Sprintf("%06d-%s.db", k.Month, hex.EncodeToString(salt[:8])))
}

// remove deletes this node's files of a projection. What cannot be deleted now goes
// the next time, and is unreadable where its salt is gone.
func (h *Shelf) remove(k Key) {
	dir := filepath.Join(h.dir, k.Tenant.String(), k.Holder.String())
	files, err := os.ReadDir(dir) // no pattern: the data directory may have [ in its name
	if err != nil {
		return
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), fmt.Sprintf("%06d-", k.Month)) {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}
