// Package target writes files of the user's: none is there before it is whole,
// and nothing is written over by mistake. It is part of the command siegel.
package target

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"siegel/internal/front/console"
	"siegel/internal/kit/durable"
)

// Files speaks the user's language.
type Files struct {
	Say func(sentence string, args ...any) string
}

// Create writes a file that must not exist.
func (f Files) Create(file string, b []byte) error {
	err := durable.CreateFile(file, b, 0o400)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return f.exists(file)
	default:
		return f.unwritable(file)
	}
}

// Absent fails where one of the files exists, or could not be written.
func (f Files) Absent(files ...string) error {
	for _, file := range files {
		if _, err := os.Lstat(file); err == nil {
			return f.exists(file)
		}
		if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
			return f.unwritable(file)
		}
	}
	return nil
}

// exists is the error of a file that is in the way.
func (f Files) exists(file string) error {
	return conflict(f.Say("the file %s exists already; remove it or name another", file))
}

func (f Files) unwritable(file string) error {
	return &console.Error{Kind: "invalid", Text: f.Say("the file %s cannot be written; check the folder and its mode", file)}
}

func conflict(sentence string) error { return &console.Error{Kind: "conflict", Text: sentence} }

// Target is where octets are written to.
type Target struct {
	File  string // empty or "-": the standard output
	Force bool   // write over what is there
}

// Standard reports whether octets go to the standard output.
func (t Target) Standard() bool { return t.File == "" || t.File == "-" }

// Check fails where a target could not be written. It is asked before anything
// is opened, and again before a file is replaced.
func (f Files) Check(t Target) error {
	if t.Standard() {
		return nil
	}
	info, err := os.Lstat(t.File)
	switch {
	case err != nil:
		return f.Absent(t.File)
	case info.IsDir():
		return conflict(f.Say("--output %s is a folder; name a file in it", t.File))
	case !info.Mode().IsRegular():
		// A file would take its place, also with --force.
		return conflict(f.Say("--output %s is a device, a pipe or a link and no file; name another, or - for the standard output", t.File))
	case !t.Force:
		return conflict(f.Say("%s exists already; name another, or write over it with --force", t.File))
	default:
		return nil
	}
}

// Place writes a file that appears only when it is whole.
func (f Files) Place(t Target, fill func(io.Writer) error) error {
	part := t.File + ".part"
	to, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return f.exists(part)
	case err != nil:
		return f.unwritable(part)
	}
	err = errors.Join(fill(to), to.Close())
	if err == nil && t.Force {
		if err = f.Check(t); err == nil {
			err = os.Rename(part, t.File)
		}
	} else if err == nil {
		// link fails where the name was taken meanwhile; rename would replace it.
		err = os.Link(part, t.File)
		if errors.Is(err, fs.ErrExist) {
			err = f.exists(t.File)
		}
	}
	if err == nil && t.Force {
		return nil
	}
	return errors.Join(err, os.Remove(part))
}

// Within reports whether a file would lie in a folder, links followed as far as there
// is something.
func Within(folder, file string) bool {
	whole := func(path string) string {
		path, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		for rest := ""; ; {
			if found, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
				return filepath.Join(found, rest)
			}
			path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
		}
	}
	rel, err := filepath.Rel(whole(folder), whole(file))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
