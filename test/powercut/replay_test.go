package powercut_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// handle is an open file.
type handle struct {
	node   *inode // nil for what is not below the root, and for what is no file
	at     int64
	append bool
}

// replay carries recorded calls out on a disk.
type replay struct {
	disk    *disk
	handles map[int64]*handle // of the process at work
	syncs   map[*call]*state  // syncs that have begun and will count
	count   int               // syncs that have begun
	// ignore says which syncs are not carried out; may be nil.
	ignore func(n int) bool
	// begun hears each sync when it begins; may be nil.
	begun func(n int, s *state)
}

func newReplay(base string) *replay {
	return &replay{disk: newDisk(base), syncs: make(map[*call]*state)}
}

// process begins a new process: it has no files open, and syncs of the one
// before, which was killed, have never ended.
func (r *replay) process() {
	r.handles = map[int64]*handle{0: {}, 1: {}, 2: {}}
	clear(r.syncs)
}

// file returns what a call's argument has open: an empty handle for what is no
// file below the root.
func (r *replay) file(c *call, i int) (*handle, error) {
	fd, err := c.number(i)
	if err != nil {
		return nil, err
	}
	if h := r.handles[fd]; h != nil {
		return h, nil
	}
	return &handle{}, nil
}

// step carries out what an event says. It returns what was written to something
// that is no file, such as a socket, when the writing begins.
func (r *replay) step(e event) (said []byte, err error) {
	switch e.name {
	case "close":
		if e.entry {
			fd, err := e.number(0)
			delete(r.handles, fd)
			return nil, err
		}
		return nil, nil
	case "fsync", "fdatasync":
		return nil, r.sync(e)
	case "write", "sendto":
		h, err := r.file(e.call, 0)
		if err != nil {
			return nil, err
		}
		if e.entry && h.node == nil {
			return e.text(1)
		}
	}
	if !e.exit || e.ret < 0 {
		return nil, nil
	}
	return nil, r.done(e.call)
}

// sync: what was written before it began is durable when it has ended.
func (r *replay) sync(e event) error {
	if e.entry {
		h, err := r.file(e.call, 0)
		if err != nil {
			return err
		}
		if h.node == nil {
			return nil // not below the root
		}
		s := h.node.begin()
		n := r.count
		r.count++
		if r.begun != nil {
			r.begun(n, s)
		}
		if r.ignore == nil || !r.ignore(n) {
			r.syncs[e.call] = s
		}
	}
	if s := r.syncs[e.call]; e.exit && s != nil {
		if e.ret == 0 {
			s.end()
		}
		delete(r.syncs, e.call)
	}
	return nil
}

// done carries out a call that has succeeded.
func (r *replay) done(c *call) error {
	switch c.name {
	case "openat":
		dir, err := c.number(0)
		if err != nil {
			return err
		}
		return r.open(c, dir, 1)
	case "open":
		return r.open(c, atCwd, 0)
	case "dup", "dup2", "dup3":
		h, err := r.file(c, 0)
		r.handles[c.ret] = h
		return err
	case "mmap":
		return r.mapped(c)
	case "write", "pwrite64", "ftruncate", "fchmod", "lseek", "sendto", "sendmsg", "writev", "fallocate":
		h, err := r.file(c, 0)
		if err != nil || h.node == nil {
			return err
		}
		return r.content(c, h)
	default:
		return r.names(c)
	}
}

// content carries out what concerns one open file below the root.
func (r *replay) content(c *call, h *handle) error {
	switch c.name {
	case "write", "pwrite64":
		return r.write(c, h)
	case "ftruncate":
		size, err := c.number(1)
		h.node.truncate(size)
		return err
	case "fchmod":
		mode, err := c.number(1)
		h.node.mode = os.FileMode(mode)
		return err
	case "lseek":
		h.at = c.ret
		return nil
	}
	if strings.HasSuffix(h.node.name, "-shm") {
		return nil // SQLite makes it again
	}
	return fmt.Errorf("the model does not know %s of %s", c.name, h.node.name)
}

// Arguments of open and mmap.
const (
	atCwd                   = -100
	oCreat, oTrunc, oAppend = 0o100, 0o1000, 0o2000
	protWrite, mapShared    = 2, 1
)

func (r *replay) open(c *call, dir int64, i int) error {
	flags, err := c.number(i + 1)
	if err != nil {
		return err
	}
	h := &handle{append: flags&oAppend != 0}
	r.handles[c.ret] = h
	rel, ok, err := r.path(c, dir, i)
	if err != nil || !ok {
		return err
	}
	if h.node = r.disk.walk(rel); h.node == nil {
		if flags&oCreat == 0 {
			return fmt.Errorf("%s was opened and nobody made it", rel)
		}
		mode, err := c.number(i + 2)
		if err != nil {
			return err
		}
		parent, name, err := r.disk.parent(rel)
		if err != nil {
			return err
		}
		h.node = &inode{name: rel, mode: os.FileMode(mode)}
		parent.enter(name, h.node)
	}
	if flags&oTrunc != 0 {
		h.node.truncate(0)
	}
	return nil
}

// path returns an argument that is a path, below the root if ok.
func (r *replay) path(c *call, dir int64, i int) (rel string, ok bool, err error) {
	b, err := c.text(i)
	if err != nil {
		return "", false, err
	}
	path := string(b)
	if !filepath.IsAbs(path) {
		h := r.handles[dir]
		if dir == atCwd || h == nil || h.node == nil {
			return "", false, nil
		}
		return filepath.Join(h.node.name, path), true, nil
	}
	rel, ok = r.disk.below(filepath.Clean(path))
	return rel, ok, nil
}

func (r *replay) write(c *call, h *handle) error {
	b, err := c.text(1)
	if err != nil {
		return err
	}
	if int64(len(b)) < c.ret {
		return errors.New("strace cut the octets of a write short")
	}
	at := h.at
	switch {
	case c.name == "pwrite64":
		if at, err = c.number(3); err != nil {
			return err
		}
	case h.append:
		at = int64(len(h.node.data))
	}
	h.node.write(b[:c.ret], at)
	if c.name == "write" {
		h.at = at + c.ret
	}
	return nil
}

// mapped refuses what the model cannot see: writing through memory.
func (r *replay) mapped(c *call) error {
	h, err := r.file(c, 4)
	if err != nil || h.node == nil || strings.HasSuffix(h.node.name, "-shm") {
		return err
	}
	protection, err := c.number(2)
	if err != nil {
		return err
	}
	flags, err := c.number(3)
	if err == nil && protection&protWrite != 0 && flags&mapShared != 0 {
		err = fmt.Errorf("%s is written through memory", h.node.name)
	}
	return err
}

// names carries out what changes directories.
func (r *replay) names(c *call) error {
	dir := int64(atCwd)
	if strings.Contains(c.name, "at") && len(c.args) > 0 {
		var err error
		if dir, err = c.number(0); err != nil {
			return err
		}
	}
	switch c.name {
	case "mkdir":
		return r.mkdir(c, dir, 0)
	case "mkdirat":
		return r.mkdir(c, dir, 1)
	case "unlink", "rmdir":
		return r.unlink(c, dir, 0)
	case "unlinkat":
		return r.unlink(c, dir, 1)
	case "rename", "link":
		return r.move(c, dir, dir, 0)
	case "renameat", "renameat2", "linkat":
		to, err := c.number(2)
		if err != nil {
			return err
		}
		return r.move(c, dir, to, 1)
	case "chmod":
		return r.chmod(c, dir, 0)
	case "fchmodat", "fchmodat2":
		return r.chmod(c, dir, 1)
	}
	return fmt.Errorf("the model does not know %s%v", c.name, c.args)
}

func (r *replay) mkdir(c *call, dir int64, i int) error {
	rel, ok, err := r.path(c, dir, i)
	if err != nil || !ok {
		return err
	}
	mode, err := c.number(i + 1)
	if err != nil {
		return err
	}
	parent, name, err := r.disk.parent(rel)
	if err == nil {
		parent.enter(name, newDir(rel, os.FileMode(mode)))
	}
	return err
}

func (r *replay) unlink(c *call, dir int64, i int) error {
	rel, ok, err := r.path(c, dir, i)
	if err != nil || !ok {
		return err
	}
	parent, name, err := r.disk.parent(rel)
	if err == nil {
		parent.remove(name)
	}
	return err
}

// move renames or links. A rename within a directory is one change.
func (r *replay) move(c *call, fromDir, toDir int64, from int) error {
	to := from + 1
	if from == 1 {
		to = 3
	}
	old, ok, err := r.path(c, fromDir, from)
	if err != nil || !ok {
		return err
	}
	fresh, ok, err := r.path(c, toDir, to)
	if err != nil || !ok {
		return err
	}
	at, name, err := r.disk.parent(fresh)
	if err != nil {
		return err
	}
	was, gone, err := r.disk.parent(old)
	if err != nil {
		return err
	}
	node := r.disk.walk(old)
	if node == nil {
		return fmt.Errorf("%s is not there", old)
	}
	node.name = fresh
	switch {
	case strings.HasPrefix(c.name, "link"):
		at.enter(name, node)
	case was != at:
		return fmt.Errorf("%s is moved between directories", old)
	default:
		at.change(func(_ []byte, e map[string]*inode) []byte {
			e[name] = node
			delete(e, gone)
			return nil
		})
	}
	return nil
}

func (r *replay) chmod(c *call, dir int64, i int) error {
	rel, ok, err := r.path(c, dir, i)
	if err != nil || !ok {
		return err
	}
	mode, err := c.number(i + 1)
	if node := r.disk.walk(rel); node != nil { // a socket is none
		node.mode = os.FileMode(mode)
	}
	return err
}
