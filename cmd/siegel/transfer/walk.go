package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"siegel/cmd/siegel/transfer/dir"
	"siegel/internal/proto/maildir"
)

// spot is where in its files an import is: what the server keeps sealed as the cursor.
type spot struct {
	Path   int      `json:"path"`            // number of the argument, from 0
	Round  int      `json:"round,omitempty"` // from 1: what changed in a Maildir while it was read
	Names  [][]byte `json:"names,omitempty"` // from the argument down to the file; none where it is the argument
	Offset int64    `json:"offset"`          // in an mbox: where the next entry begins; done: behind the file
	Octets int64    `json:"octets"`          // of files that are done
	Since  int64    `json:"since"`           // when the first run began, in nanoseconds since 1970
}

// done as the offset of a spot means that the file has been read to its end.
const done = -1

// kind is what a file is.
type kind int

const (
	unknown kind = iota // an mbox, or nothing that is known
	named               // an mbox, or else what begins like a message, since it was named itself
	letter              // one message
	hidden              // an mbox, or what programs keep beside mail
)

// file is something that the walk found.
type file struct {
	spot   spot
	path   string // where it lies
	size   int64
	kind   kind
	folder string // of that; empty for the inbox
	flags  string // of a Maildir's message

	found fs.FileInfo // what the walk found there
	in    *dir.Dir    // the folder that it is in; nil where it was named itself
	name  string      // in that
	home  *dir.Dir    // the Maildir that it is a message of; nil for none

	refused string // why it is no file to read; a sentence
}

// walker goes over files and folders in a fixed order, with memory that does not grow
// with their number: names are taken from a folder some at a time, in the order of
// their octets.
type walker struct {
	say    func(sentence string, args ...any) string
	batch  int   // names that are held at once
	cursor *spot // where an earlier run ended; nil for none
	found  func(file) error
	since  time.Time // files that did not change since are left out; zero for none
	shared bool      // a Maildir was seen, which others may use meanwhile
}

// namesAtOnce bounds the names of a folder that are held in memory, and maxDepth how
// deep folders lie in one another.
const (
	namesAtOnce = 1 << 17
	maxDepth    = 100
)

// place is where in its files a walk is.
type place struct {
	path string
	spot spot
	on   bool // the cursor is this place or below it

	in   *dir.Dir // the folder that it is in; nil for an argument
	name string   // in that
	self *dir.Dir // the open folder that it is; nil for what is none, or is not open
	home *dir.Dir // the Maildir that it is a message of; nil for none

	mail   bool     // a Maildir, or below one
	folder []string // path below the Maildir that lies outermost, as its programs name it
}

// argument walks over one argument of the command, behind the cursor.
func (w *walker) argument(number int, path string, round int) error {
	at := place{path: path, spot: spot{Path: number, Round: round}, on: w.cursor != nil && w.cursor.Path == number && w.cursor.Round == round}
	if at.on && len(w.cursor.Names) == 0 {
		at.spot.Offset = w.cursor.Offset
	}
	info, err := os.Stat(path) // a link that was named is meant
	switch {
	case err != nil:
		return w.refuse(at, err)
	case info.IsDir():
		return w.folder(at, info)
	case isLetter(path):
		return w.give(at, file{kind: letter}, info)
	default:
		return w.give(at, file{kind: named}, info)
	}
}

func isLetter(path string) bool { return strings.EqualFold(filepath.Ext(path), ".eml") }

// folder walks over a folder.
func (w *walker) folder(at place, found fs.FileInfo) error {
	if len(at.spot.Names) > maxDepth {
		return w.tell("folders lie too deep in one another", at)
	}
	return w.inside(at, found, func(at place) error {
		is, err := at.self.Has(maildir.Messages())
		if err != nil {
			return w.refuse(at, err)
		}
		if is {
			return w.maildir(at)
		}
		return w.each(at, w.first(at), func(name string) error {
			if at.mail && maildir.Index(name) {
				return nil // what programs keep beside mail
			}
			return w.entry(w.below(at, name))
		})
	})
}

// inside calls f with a folder open.
func (w *walker) inside(at place, found fs.FileInfo, f func(at place) error) (err error) {
	if at.in == nil {
		at.self, err = dir.Open(at.path)
	} else {
		at.self, err = at.in.Enter(at.name, found)
	}
	if err != nil {
		return w.refuse(at, err)
	}
	defer func() { _ = at.self.Close() }() // it was only read
	return f(at)
}

// entry walks over what has a name in a folder.
func (w *walker) entry(at place) error {
	info, err := at.in.Lstat(at.name)
	switch {
	case err != nil:
		return w.refuse(at, err)
	case info.IsDir():
		at.folder = append(slices.Clone(at.folder), maildirFolder(at.name)...)
		return w.folder(at, info)
	case isLetter(at.name):
		return w.give(at, file{kind: letter}, info)
	case !strings.HasPrefix(at.name, "."):
		return w.give(at, file{kind: unknown}, info)
	case info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0:
		return w.give(at, file{kind: hidden}, info)
	default:
		return nil // a socket or a pipe, which programs keep beside mail
	}
}

// give hands a file over, unless an earlier run has read it.
func (w *walker) give(at place, f file, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case at.spot.Offset == done:
		return nil
	case !w.since.IsZero() && !changedSince(info, w.since):
		return nil
	case mode&fs.ModeSymlink != 0:
		return w.tell("it is a link; name what it leads to", at)
	case !mode.IsRegular():
		return w.tell("it is a device, a pipe or a socket and no file", at)
	}
	f.spot, f.path, f.size, f.found, f.in, f.name, f.home = at.spot, at.path, info.Size(), info, at.in, at.name, at.home
	return w.found(f)
}

// changedSince reports whether a file was written, renamed or made since.
func changedSince(info fs.FileInfo, since time.Time) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || !time.Unix(s.Ctim.Unix()).Before(since)
}

// each calls f with the names of a folder from one on, in order.
func (w *walker) each(at place, from string, f func(name string) error) error {
	inclusive := true
	for {
		list, more, err := at.self.Names(from, inclusive, w.batch)
		if err != nil {
			return w.refuse(at, err)
		}
		for _, name := range list {
			if err := f(name); err != nil {
				return err
			}
			from = name
		}
		if !more {
			return nil
		}
		inclusive = false
	}
}

// refuse reports what cannot be read.
func (w *walker) refuse(at place, err error) error { return w.tell(cannot(err), at) }

// cannot says why something cannot be read.
func cannot(err error) string {
	switch {
	case errors.Is(err, errRest):
		return say("it cannot be read from here on")
	case errors.Is(err, fs.ErrPermission):
		return say("you may not read it")
	case errors.Is(err, dir.ErrChanged):
		return changed()
	case errors.Is(err, fs.ErrNotExist):
		return say("it is not there, or vanished while the import ran")
	default:
		return say("it cannot be read")
	}
}

// tell reports that something is no file to read, and why, unless an earlier run did.
func (w *walker) tell(why string, at place) error {
	if at.spot.Offset == done {
		return nil
	}
	return w.found(file{spot: at.spot, path: at.path, home: at.home, refused: why})
}

// below is the place of a name in a folder, with the offset of the cursor where that
// is it.
func (w *walker) below(at place, name string) place {
	depth := len(at.spot.Names)
	b := at
	b.path, b.in, b.name, b.self = filepath.Join(at.path, name), at.self, name, nil
	b.spot.Names = append(slices.Clone(at.spot.Names), []byte(name))
	b.spot.Offset = 0
	b.on = at.on && depth < len(w.cursor.Names) && string(w.cursor.Names[depth]) == name
	if b.on && len(w.cursor.Names) == depth+1 {
		b.spot.Offset = w.cursor.Offset
	}
	return b
}

// first is the name in a folder that the walk begins with; empty for the first.
func (w *walker) first(at place) string {
	if depth := len(at.spot.Names); at.on && depth < len(w.cursor.Names) {
		return string(w.cursor.Names[depth])
	}
	return ""
}
