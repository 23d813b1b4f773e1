package canary_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hunt looks for canaries in places, again and again.
type hunt struct {
	t      *testing.T
	seek   *seeker
	places []string // folders
	begun  time.Time
	own    string // the test's own folder, which has the plain words

	mu     sync.Mutex
	found  map[string]bool // guarded by mu
	passes int             // guarded by mu
	octets int64           // guarded by mu
	files  map[string]bool // guarded by mu
}

func newHunt(t *testing.T, s *seeker, own string, places ...string) *hunt {
	return &hunt{t: t, seek: s, own: own, places: places, begun: time.Now(), found: make(map[string]bool), files: make(map[string]bool)}
}

// pass looks at every file once, and in the folders where programs put files
// when nobody tells them otherwise at what is younger than this test.
func (h *hunt) pass(when string, pid int) {
	h.look(when, pid)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, place := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		h.folder(when, place, h.young)
	}
}

// look looks at every file in the places, and at the files without a name that a
// process has open; pid 0 is none.
func (h *hunt) look(when string, pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passes++
	for _, place := range h.places {
		h.folder(when, place, nil)
	}
	if pid != 0 {
		h.nameless(when, pid)
	}
}

// young leaves out what is older than the test, too large for it, or its own.
func (h *hunt) young(path string, info fs.FileInfo) bool {
	return info.ModTime().After(h.begun) && info.Size() < 8<<20 && !strings.HasPrefix(path, h.own)
}

func (h *hunt) folder(when, dir string, want func(string, fs.FileInfo) bool) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || want != nil && d.IsDir() && strings.Count(path, "/") > 4 {
			if d != nil && d.IsDir() {
				return fs.SkipDir // others' folders, which may be gone or closed to us
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil || want != nil && !want(path, info) {
			return nil //nolint:nilerr // it went away while we looked
		}
		h.file(when, path, path, want != nil && filepath.Dir(path) != dir)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Error(err)
	}
}

// nameless looks at the open files of a process that have been deleted.
func (h *hunt) nameless(when string, pid int) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		if os.Getuid() == 0 {
			h.t.Errorf("%s: the open files cannot be read: %v", when, err)
		}
		return // a process without dumps shows its files to root only
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if to, err := os.Readlink(path); err == nil && strings.HasSuffix(to, " (deleted)") && strings.HasPrefix(to, "/") {
			h.file(when, path, "(deleted) "+filepath.Base(filepath.Dir(to)), false)
		}
	}
}

// file looks at a file. In others' folders databases may be plain: a browser's are.
func (h *hunt) file(when, path, name string, others bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return // gone meanwhile
	}
	h.octets += int64(len(b))
	h.files[name] = true
	h.seek.find(b, func(canary, form string) {
		if !others || canary != header {
			h.report(fmt.Sprintf("%s: %s is in %s (%s)", when, canary, name, form))
		}
	})
	h.seek.find([]byte(name), func(canary, form string) {
		h.report(fmt.Sprintf("%s: %s is in the name of %s (%s)", when, canary, name, form))
	})
}

// report says the same once. The caller holds mu.
func (h *hunt) report(what string) {
	if !h.found[what] {
		h.found[what] = true
		h.t.Error(what)
	}
}

// always looks until the returned function is called.
func (h *hunt) always(when string, pid int) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			h.look(when, pid)
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
