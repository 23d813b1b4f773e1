package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"siegel/internal/proto/maildir"
)

// spot is where in its files an import is: what the server keeps sealed as the cursor.
type spot struct {
	Path   int      `json:"path"`            // number of the argument, from 0
	Round  int      `json:"round,omitempty"` // 1: what changed in a Maildir while it was read
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
)

// file is something that the walk found.
type file struct {
	spot   spot
	path   string // where it lies
	size   int64
	kind   kind
	dir    string // the Maildir that it is in; empty where it is in none
	folder string // of that; empty for the inbox
	flags  string // of a Maildir's message

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
}

// argument walks over one argument of the command, behind the cursor.
func (w *walker) argument(number int, path string, round int) error {
	at := place{path, spot{Path: number, Round: round}, w.cursor != nil && w.cursor.Path == number && w.cursor.Round == round}
	if at.on && len(w.cursor.Names) == 0 {
		at.spot.Offset = w.cursor.Offset
	}
	info, err := os.Stat(path) // a link that was named is meant
	switch {
	case err != nil:
		return w.refuse(at, err)
	case info.IsDir():
		return w.folder(at)
	case isLetter(path):
		return w.give(at, file{kind: letter}, info)
	default:
		return w.give(at, file{kind: named}, info)
	}
}

func isLetter(path string) bool { return strings.EqualFold(filepath.Ext(path), ".eml") }

// folder walks over a folder.
func (w *walker) folder(at place) error {
	if len(at.spot.Names) > maxDepth {
		return w.tell("folders lie too deep in one another", at)
	}
	is, err := isMaildir(at.path)
	if err != nil {
		return w.refuse(at, err)
	}
	if is {
		return w.maildir(at, "")
	}
	return w.each(at, w.first(at), func(name string) error {
		below := w.below(at, name)
		info, err := os.Lstat(below.path)
		switch {
		case err != nil:
			return w.refuse(below, err)
		case info.IsDir():
			return w.folder(below)
		case isLetter(name):
			return w.give(below, file{kind: letter}, info)
		case strings.HasPrefix(name, "."):
			return nil // what programs keep beside mail
		default:
			return w.give(below, file{kind: unknown}, info)
		}
	})
}

func isMaildir(dir string) (bool, error) {
	for _, sub := range maildir.Messages() {
		info, err := os.Lstat(filepath.Join(dir, sub))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// maildir walks over a Maildir and the folders of Maildir++ in it: first what is in
// it itself, new before cur, since messages move that way.
func (w *walker) maildir(at place, folder string) error {
	w.shared = true
	own := maildir.Messages()
	start := max(0, slices.Index(own, w.first(at)))
	behind := w.first(at) != "" && !slices.Contains(own, w.first(at))
	for _, sub := range own[start:] {
		if behind {
			break // the cursor is in a folder beside them
		}
		if err := w.messages(w.below(at, sub), at.path, folder); err != nil {
			return err
		}
	}
	if folder != "" {
		return nil // folders lie beside each other, not in one another
	}
	from := ""
	if behind {
		from = w.first(at)
	}
	return w.each(at, from, func(name string) error {
		below := w.below(at, name)
		parts, ok := maildir.Folder(name)
		if is, err := isMaildir(below.path); !ok || err == nil && !is {
			return nil // what programs keep beside mail
		} else if err != nil {
			return w.refuse(below, err)
		}
		return w.maildir(below, strings.Join(parts, "/"))
	})
}

// messages walks over new or cur of a Maildir.
func (w *walker) messages(at place, dir, folder string) error {
	return w.each(at, w.first(at), func(name string) error {
		if maildir.Hidden(name) {
			return nil
		}
		below := w.below(at, name)
		info, err := os.Lstat(below.path)
		if errors.Is(err, fs.ErrNotExist) {
			below.path, info, err = moved(dir, below.path)
		}
		if err != nil {
			return w.refuse(below, err)
		}
		return w.give(below, file{kind: letter, folder: folder, dir: dir, flags: maildir.ParseName(filepath.Base(below.path)).Flags}, info)
	})
}

// moved looks in a Maildir for a message whose flags have changed, or that was moved
// to cur. Where it is gone it returns the path that it was given.
func moved(dir, path string) (_ string, _ fs.FileInfo, err error) {
	unique := maildir.ParseName(filepath.Base(path)).Unique
	for _, sub := range maildir.Messages() {
		d, err := os.Open(filepath.Join(dir, sub))
		if err != nil {
			return path, nil, err
		}
		now := ""
		for err == nil {
			var list []string
			list, err = d.Readdirnames(1024)
			for _, other := range list {
				if maildir.ParseName(other).Unique == unique {
					now = filepath.Join(dir, sub, other)
				}
			}
		}
		_ = d.Close() // it was only read
		if now != "" {
			info, err := os.Lstat(now)
			return now, info, err
		}
	}
	return path, nil, fs.ErrNotExist
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
	f.spot, f.path, f.size = at.spot, at.path, info.Size()
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
		list, more, err := w.names(at.path, from, inclusive)
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

// names returns the first names of a folder that are not before one, in order, and
// whether there are more.
func (w *walker) names(dir, from string, inclusive bool) (list []string, more bool, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = d.Close() }() // it was only read
	for err == nil {
		var some []string
		some, err = d.Readdirnames(1024)
		for _, name := range some {
			if name > from || inclusive && name == from {
				list = append(list, name)
			}
		}
		if len(list) > 2*w.batch {
			slices.Sort(list)
			list, more = slices.Delete(list, w.batch, len(list)), true
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	slices.Sort(list)
	if len(list) > w.batch {
		list, more = list[:w.batch], true
	}
	return list, more, nil
}

// refuse reports what cannot be read.
func (w *walker) refuse(at place, err error) error { return w.tell(cannot(err), at) }

// cannot says why something cannot be read.
func cannot(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return say("you may not read it")
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
	return w.found(file{spot: at.spot, path: at.path, refused: why})
}

// below is the place of a name in a folder, with the offset of the cursor where that
// is it.
func (w *walker) below(at place, name string) place {
	depth := len(at.spot.Names)
	b := place{path: filepath.Join(at.path, name), spot: at.spot}
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
