// Package dir reads folders that somebody else may change meanwhile: whoever owns a
// mailbox can put a link in the place of a file or a folder of it at any moment, and
// must not have others read files of theirs for her. Everything is opened from the
// folder that it was found in, no link is followed, and what was opened is compared
// with what was found.
package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrChanged says that something else was opened than was found.
var ErrChanged = errors.New("dir: it was exchanged")

// Neither a pipe that was put in the place of a file is waited for, nor a link followed.
const flags = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW

// Dir is an open folder.
type Dir struct{ root *os.Root }

// Open opens a folder by its path. Links in that are followed.
func Open(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

// Lstat says what has a name in the folder.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) { return d.root.Lstat(name) }

// Enter opens a folder in the folder, that Lstat found.
func (d *Dir) Enter(name string, found fs.FileInfo) (*Dir, error) {
	// The dot has the name opened as a folder and as nothing else: not a pipe.
	root, err := d.root.OpenRoot(name + "/.")
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil && !os.SameFile(found, info) {
		err = ErrChanged
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Dir{root}, nil
}

// Open opens a file in the folder, that Lstat found.
func (d *Dir) Open(name string, found fs.FileInfo) (*os.File, error) {
	f, err := d.root.OpenFile(name, flags, 0)
	return same(f, err, found)
}

// File opens a file by its path, that Stat found. Links in that are followed.
func File(path string, found fs.FileInfo) (*os.File, error) {
	f, err := os.OpenFile(path, flags&^unix.O_NOFOLLOW, 0)
	return same(f, err, found)
}

func same(f *os.File, err error, found fs.FileInfo) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !os.SameFile(found, info)) {
		err = ErrChanged
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Names returns the first names of the folder, at most so many, that are not before
// one, in order, and whether there are more. It holds about twice that many at once.
func (d *Dir) Names(from string, inclusive bool, most int) (list []string, more bool, err error) {
	err = d.Each(func(name string) {
		if name > from || inclusive && name == from {
			list = append(list, name)
		}
		if len(list) > 2*most+1024 {
			slices.Sort(list)
			list, more = slices.Delete(list, most, len(list)), true
		}
	})
	if err != nil {
		return nil, false, err
	}
	slices.Sort(list)
	if len(list) > most {
		list, more = list[:most], true
	}
	return list, more, nil
}

// Each calls f with every name of the folder, in no order.
func (d *Dir) Each(f func(name string)) error {
	opened, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }() // it was only read
	for {
		some, err := opened.Readdirnames(1024)
		for _, name := range some {
			f(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Has reports whether all of the names are folders in the folder.
func (d *Dir) Has(names []string) (bool, error) {
	for _, name := range names {
		info, err := d.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// Find returns the path, in the folder, of a file in the first of some folders there
// that has one with such a name.
func (d *Dir) Find(folders []string, is func(name string) bool) (path string, found fs.FileInfo, err error) {
	for _, folder := range folders {
		if path, err = d.find(folder, is); err != nil {
			return "", nil, err
		}
		if path != "" {
			found, err = d.Lstat(path)
			return path, found, err
		}
	}
	return "", nil, fs.ErrNotExist
}

func (d *Dir) find(folder string, is func(name string) bool) (path string, err error) {
	found, err := d.Lstat(folder)
	if err != nil {
		return "", err
	}
	sub, err := d.Enter(folder, found)
	if err != nil {
		return "", err
	}
	defer func() { _ = sub.Close() }() // it was only read
	err = sub.Each(func(name string) {
		if is(name) {
			path = folder + "/" + name
		}
	})
	return path, err
}
