package powercut_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inode is a file or a directory of the model.
type inode struct {
	dir  bool
	mode os.FileMode
	name string // path below the root when it was made, or the one it got for good

	data []byte // what a reader sees
	safe []byte // what survives: as of the last sync

	entries map[string]*inode // what a reader sees
	kept    map[string]*inode // what survives

	late []change // since the last sync, in order: each may survive or not
}

// change is one change of an inode that was not synced.
type change func(data []byte, entries map[string]*inode) []byte

// disk is the pessimistic file system: of a file survives what was written
// before its last sync, of a directory the entries of its last sync.
type disk struct {
	base string // path of the root
	root *inode
}

func newDisk(base string) *disk {
	return &disk{base: base, root: newDir("", 0o755)}
}

func newDir(name string, mode os.FileMode) *inode {
	return &inode{dir: true, mode: mode, name: name, entries: make(map[string]*inode), kept: make(map[string]*inode)}
}

// below returns a path relative to the root, and whether it lies there.
func (d *disk) below(path string) (string, bool) {
	if path == d.base {
		return "", true
	}
	return strings.CutPrefix(path, d.base+"/")
}

// walk returns the inode at a path below the root, nil where there is none.
func (d *disk) walk(path string) *inode {
	at := d.root
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || at == nil {
			continue
		}
		at = at.entries[name]
	}
	return at
}

// parent returns the directory of a path and the last name.
func (d *disk) parent(path string) (*inode, string, error) {
	dir, name := filepath.Split(path)
	at := d.walk(dir)
	if at == nil || !at.dir {
		return nil, "", fmt.Errorf("no directory %s", dir)
	}
	return at, name, nil
}

// enter puts an inode into a directory.
func (n *inode) enter(name string, child *inode) {
	n.change(func(_ []byte, e map[string]*inode) []byte { e[name] = child; return nil })
}

func (n *inode) remove(name string) {
	n.change(func(_ []byte, e map[string]*inode) []byte { delete(e, name); return nil })
}

func (n *inode) write(b []byte, at int64) {
	n.change(func(data []byte, _ map[string]*inode) []byte {
		if need := int(at) + len(b); need > len(data) {
			data = append(data, make([]byte, need-len(data))...)
		}
		copy(data[at:], b)
		return data
	})
}

func (n *inode) truncate(size int64) {
	n.change(func(data []byte, _ map[string]*inode) []byte {
		if int(size) <= len(data) {
			return data[:size:size]
		}
		return append(data, make([]byte, int(size)-len(data))...)
	})
}

func (n *inode) change(c change) {
	n.data = c(n.data, n.entries)
	n.late = append(n.late, c)
}

// state is what a sync that begins now will have made durable when it ends.
type state struct {
	node    *inode
	data    []byte
	entries map[string]*inode
	late    []change // of those that were late when it began
}

func (n *inode) begin() *state {
	s := &state{node: n, late: n.late}
	if n.dir {
		s.entries = maps.Clone(n.entries)
	} else {
		s.data = bytes.Clone(n.data)
	}
	return s
}

func (s *state) end() {
	n := s.node
	n.safe, n.kept = s.data, s.entries
	// Another sync may have ended meanwhile and taken some of them.
	covered := len(s.late) - max(0, len(s.late)-len(n.late))
	n.late = n.late[min(covered, len(n.late)):]
}

// news names what a directory's sync covers that no sync did before: entries
// that came (+), changed (=) or went (-). Temporary ones have no names.
func (s *state) news() []string {
	var list []string
	for name, child := range s.entries {
		switch old := s.node.kept[name]; {
		case strings.HasPrefix(name, ".tmp-"), old == child:
		case old == nil:
			list = append(list, "+"+name)
		default:
			list = append(list, "="+name)
		}
	}
	for name := range s.node.kept {
		if s.entries[name] == nil && !strings.HasPrefix(name, ".tmp-") {
			list = append(list, "-"+name)
		}
	}
	slices.Sort(list)
	return list
}

// materialise writes what survives a cut now into a directory. With a source of
// chance each change that was not synced survives or not, otherwise none does.
func (d *disk) materialise(to string, chance *rand.Rand) error {
	return d.root.materialise(to, chance, make(map[*inode]string))
}

func (n *inode) materialise(to string, chance *rand.Rand, made map[*inode]string) error {
	data, entries := n.survivors(chance)
	if !n.dir {
		if first, ok := made[n]; ok {
			return os.Link(first, to)
		}
		made[n] = to
		return errors.Join(os.WriteFile(to, data, 0o600), os.Chmod(to, n.mode.Perm()))
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if err := entries[name].materialise(filepath.Join(to, name), chance, made); err != nil {
			return err
		}
	}
	return os.Chmod(to, n.mode.Perm())
}

func (n *inode) survivors(chance *rand.Rand) ([]byte, map[string]*inode) {
	if chance == nil || len(n.late) == 0 {
		return n.safe, n.kept
	}
	data, entries := bytes.Clone(n.safe), maps.Clone(n.kept)
	for _, c := range n.late {
		if chance.IntN(2) == 0 {
			data = c(data, entries)
		}
	}
	return data, entries
}
