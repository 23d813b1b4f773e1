package secret

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

var errEncode = errors.New("secret: a key is never encoded")

// Arena is memory outside the heap for keys that live as long as a session: it
// cannot swap and does not appear in a core dump (requirement CR-15). Its
// methods may be called from many goroutines.
type Arena struct {
	mu    sync.Mutex
	pages [][]byte      // every page; guarded by mu
	free  []*[Size]byte // slots that nobody holds; guarded by mu
	limit int           // pages at most
}

// NewArena returns an arena that holds up to keys keys, rounded up to pages.
func NewArena(keys int) *Arena {
	perPage := unix.Getpagesize() / Size
	return &Arena{limit: (keys + perPage - 1) / perPage}
}

// Hold moves a key into the arena and wipes the original. The returned release
// wipes the slot and gives it back; call it exactly once.
//
// It fails where the arena is full or the system refuses to lock memory.
func (a *Arena) Hold(k Key) (Key, func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.free) == 0 {
		if err := a.grow(); err != nil {
			return Key{}, nil, err
		}
	}
	slot := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	copy(slot[:], k.open()[:])
	k.Wipe()
	release := sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		clear(slot[:])
		a.free = append(a.free, slot)
	})
	return Key{func() *[Size]byte { return slot }}, release, nil
}

// grow maps one more page. The caller holds mu.
func (a *Arena) grow() error {
	if len(a.pages) >= a.limit {
		return errors.New("secret: too many keys are open")
	}
	size := unix.Getpagesize()
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("secret: memory for keys: %w", err)
	}
	if err := unix.Mlock(page); err != nil {
		return errors.Join(fmt.Errorf("secret: the system refuses to lock memory (raise the limit memlock): %w", err), unix.Munmap(page))
	}
	if err := unix.Madvise(page, unix.MADV_DONTDUMP); err != nil {
		return errors.Join(fmt.Errorf("secret: keep keys out of core dumps: %w", err), unix.Munmap(page))
	}
	a.pages = append(a.pages, page)
	for i := 0; i+Size <= len(page); i += Size {
		a.free = append(a.free, (*[Size]byte)(page[i:i+Size]))
	}
	return nil
}
