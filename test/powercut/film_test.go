package powercut_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"siegel/test/stand"
)

// film is a recording that can be played again and again.
type film struct {
	*recording
	acts  [][]event         // of each process
	syncs []string          // class of each sync, in order
	whole map[string][]byte // the data directory as init left it: files, and directories with nil
}

func newFilm(t *testing.T, r *recording) *film {
	t.Helper()
	f := &film{recording: r}
	for _, path := range r.traces {
		act, err := readTrace(path)
		if err != nil {
			t.Fatal(err)
		}
		f.acts = append(f.acts, act)
	}
	f.classify(t)
	return f
}

// classify names the class of every sync: what it makes durable, without what is
// random in it.
func (f *film) classify(t *testing.T) {
	t.Helper()
	type found struct {
		node  *inode
		names []string // of a directory
	}
	var list []found
	err := f.play(script{
		begun: func(_ int, s *state) { list = append(list, found{s.node, s.news()}) },
		visit: func(m moment, d *disk) bool {
			if m.made && f.whole == nil {
				f.whole = make(map[string][]byte)
				d.walk("data").list("", f.whole)
			}
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		switch {
		case !s.node.dir: // by now the file has the name that it got for good
			f.syncs = append(f.syncs, "content of "+plain(s.node.name))
		case len(s.names) == 0:
			f.syncs = append(f.syncs, "names in "+plain(s.node.name)+": none that is new")
		case plain(s.node.name) == "data/test/tsa": // its files come in any order
			f.syncs = append(f.syncs, "names in data/test/tsa: +(file)")
		default:
			for i, name := range s.names {
				s.names[i] = name[:1] + strings.TrimPrefix(plain(s.node.name+"/"+name[1:]), plain(s.node.name)+"/")
			}
			f.syncs = append(f.syncs, "names in "+plain(s.node.name)+": "+strings.Join(s.names, " "))
		}
	}
}

// list lists what a reader sees below a directory.
func (n *inode) list(path string, into map[string][]byte) {
	for name, child := range n.entries {
		name = filepath.Join(path, name)
		into[name] = bytes.Clone(child.data)
		if child.dir {
			child.list(name, into)
		}
	}
}

var (
	instance   = regexp.MustCompile(`\b0{32}\b`)
	randomID   = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	folder     = regexp.MustCompile(`/packs/[0-9a-f]{2}(/|$)`)
	projection = regexp.MustCompile(`\b\d{6}-[0-9a-f]{16}\.db`)
)

// plain replaces what is random in a path.
func plain(path string) string {
	path = instance.ReplaceAllString(path, "(instance)")
	path = randomID.ReplaceAllString(path, "(id)")
	path = folder.ReplaceAllString(path, "/packs/(nn)$1")
	return projection.ReplaceAllString(path, "(projection).db")
}

// promises are what was said before a cut.
type promises struct {
	made    bool // the data directory is whole
	founded bool
	kept    []*stand.Mail
	signed  []root
}

type root struct {
	size int64
	hash string
}

var kept = regexp.MustCompile(`Kept as ([0-9a-f]{32})`)

// hear notes what was said and reports whether it was a promise.
func (p *promises) hear(said string, mail map[string]*stand.Mail) (promise bool, err error) {
	for line := range strings.Lines(said) {
		switch line = strings.TrimSpace(line); {
		case line == markInit:
			p.made, promise = true, true
		case line == markFounded:
			p.founded, promise = true, true
		case strings.HasPrefix(line, markCheckpoint):
			var r root
			if _, err := fmt.Sscan(strings.TrimPrefix(line, markCheckpoint), &r.size, &r.hash); err != nil {
				return false, err
			}
			p.signed, promise = append(p.signed, r), true
		}
		if m := kept.FindStringSubmatch(line); m != nil {
			known := mail[m[1]]
			if known == nil {
				return false, fmt.Errorf("a sender was promised %s and does not know it", m[1])
			}
			p.kept, promise = append(p.kept, known), true
		}
	}
	return promise, nil
}

// moment is a place where the power can be cut.
type moment struct {
	n       int // number, from 0
	act     int // number of the process
	after   string
	promise bool // a promise was made right now, before anything else could happen
	promises
}

// script says how a film is played.
type script struct {
	ignore func(sync int) bool      // syncs that do not happen; may be nil
	begun  func(n int, s *state)    // hears syncs; may be nil
	visit  func(moment, *disk) bool // false ends the film; may be nil
}

// play carries the recorded calls out, and stops at each moment: when something
// was promised, and after every sync and every change of a name.
func (f *film) play(s script) error {
	r := newReplay(f.base)
	r.ignore, r.begun = s.ignore, s.begun
	var p promises
	n := 0
	for number, act := range f.acts {
		r.process()
		for _, e := range act {
			said, err := r.step(e)
			if err != nil {
				return err
			}
			promise, err := p.hear(string(said), f.mail)
			if err != nil {
				return err
			}
			if s.visit == nil || !promise && !turns(e) {
				continue
			}
			m := moment{n: n, act: number, after: e.name, promise: promise, promises: p}
			n++
			if !s.visit(m, r.disk) {
				return nil
			}
		}
	}
	return nil
}

// turns reports whether an event may have changed what survives.
func turns(e event) bool {
	switch e.name {
	case "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat":
		return e.exit && e.ret == 0
	}
	return false
}

// checks runs checks of cuts on all processors, and keeps their errors.
type checks struct {
	t    *testing.T
	work chan func() error
	wait sync.WaitGroup

	mu   sync.Mutex
	errs []error // guarded by mu
	done int     // guarded by mu
}

func newChecks(t *testing.T) *checks {
	c := &checks{t: t, work: make(chan func() error)}
	for range runtime.GOMAXPROCS(0) {
		c.wait.Go(func() {
			for check := range c.work {
				err := check()
				c.mu.Lock()
				c.done++
				if err != nil {
					c.errs = append(c.errs, err)
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

// cut materialises what survives a cut now and has it checked.
func (c *checks) cut(d *disk, chance *rand.Rand, check func(dir string) error) {
	dir, err := os.MkdirTemp("", "cut-")
	if err == nil {
		err = d.materialise(dir, chance)
	}
	if err != nil {
		c.t.Error(err)
		return
	}
	c.work <- func() error { return errors.Join(check(dir), os.RemoveAll(dir)) }
}

// failed returns what was found so far.
func (c *checks) failed() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error(nil), c.errs...)
}

// end waits for all checks and returns what they found.
func (c *checks) end() []error {
	close(c.work)
	c.wait.Wait()
	return c.errs
}
