// Package durable writes files that survive a power cut. Every durable write
// of the house outside SQLite goes through here, so that the rule (sync the
// file, rename, sync the directory) stands in one place.
package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// TempPrefix begins the name of every file that is not finished. Whoever owns a
// directory may delete such files at start.
const TempPrefix = ".tmp-"

// WriteFile puts data at path, atomically: after a crash the path has the old
// content or the new, and after a nil error the new, also after a power cut.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	return write(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, os.Rename)
}

// CreateFile is WriteFile for a path that must not exist: it fails with an
// error that Is [os.ErrExist] and leaves what is there alone.
func CreateFile(path string, data []byte, mode os.FileMode) error {
	return CreateFrom(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// CreateFrom is CreateFile with the content written by fill.
func CreateFrom(path string, mode os.FileMode, fill func(io.Writer) error) error {
	return write(path, mode, fill, func(from, to string) error {
		// link fails where the name is taken; rename would replace it.
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

func write(path string, mode os.FileMode, fill func(io.Writer) error, place func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), ignoreMissing(os.Remove(f.Name())))
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Mkdir makes a directory and, when it returns nil, its entry in the parent is
// durable. An existing directory is synced again rather than trusted: whoever
// made it may have crashed before the sync.
func Mkdir(path string, mode os.FileMode) error {
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the entries of a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync of a directory: %w", err), d.Close())
	}
	return d.Close()
}
