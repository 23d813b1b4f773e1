// Package part writes the parts of an export: folders, encrypted ZIP files, ZIP files
// within age files. It is part of the command siegel.
package part

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"siegel/internal/kit/durable"
	"siegel/internal/proto/parcel"
)

// temp begins the names of parts that are not whole. An export that goes on deletes
// them.
const temp = durable.TempPrefix

// Sweep deletes what an interrupted run left in the folder: parts that are not whole,
// and the next one, which became whole when nobody could note it any more.
func Sweep(dir string, part int) error {
	next := parcel.Name(part)
	entries, err := os.ReadDir(dir) // the folder's name is no pattern
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == next, name == next+".zip", name == next+".zip.age", strings.HasPrefix(name, temp+"part-"):
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// container is a part in one file.
type container struct {
	path    string
	file    *os.File
	buffer  *bufio.Writer
	create  func(name string) (io.Writer, error)
	closers []io.Closer // first to last closed
}

func newContainer(path string) (*container, error) {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), temp+filepath.Base(path)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &container{path: path, file: f, buffer: bufio.NewWriterSize(f, 1<<20)}, nil
}

// Zip begins a part that is a ZIP file encrypted by AES-256.
func Zip(path, password string) (parcel.Tree, error) {
	c, err := newContainer(path)
	if err != nil {
		return nil, err
	}
	w := parcel.Encrypted(c.buffer, password)
	c.create, c.closers = w.Create, []io.Closer{w}
	return c, nil
}

// Age begins a part that is a ZIP file within an age file.
func Age(path string, to []age.Recipient) (parcel.Tree, error) {
	c, err := newContainer(path)
	if err != nil {
		return nil, err
	}
	sealed, err := age.Encrypt(c.buffer, to...)
	if err != nil {
		return nil, errors.Join(err, c.Abort())
	}
	w := parcel.Plain(sealed)
	c.create, c.closers = w.Create, []io.Closer{w, sealed}
	return c, nil
}

func (c *container) Create(name string) (io.Writer, error) { return c.create(name) }

func (c *container) Close() error {
	for _, part := range c.closers {
		if err := part.Close(); err != nil {
			return err
		}
	}
	if err := c.buffer.Flush(); err != nil {
		return err
	}
	if err := errors.Join(c.file.Sync(), c.file.Close()); err != nil {
		return err
	}
	return publish(c.file.Name(), c.path)
}

// publish gives a part its name.
func publish(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(to))
}

func (c *container) Abort() error {
	_ = c.file.Close() // it may be closed already
	err := os.Remove(c.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// folder is a part that is a folder.
type folder struct {
	path, temp string
	made       map[string]bool // folders in it
	open       *os.File
	buffer     *bufio.Writer
}

// Folder begins a part that is a folder.
func Folder(path string) (parcel.Tree, error) {
	f := &folder{path: path, temp: filepath.Join(filepath.Dir(path), temp+filepath.Base(path)), made: make(map[string]bool)}
	return f, os.Mkdir(f.temp, 0o700)
}

func (f *folder) Create(name string) (io.Writer, error) {
	if err := f.finish(); err != nil {
		return nil, err
	}
	if dir, _, ok := strings.Cut(name, "/"); ok && !f.made[dir] {
		if err := os.Mkdir(filepath.Join(f.temp, dir), 0o700); err != nil {
			return nil, err
		}
		f.made[dir] = true
	}
	var err error
	f.open, err = os.OpenFile(filepath.Join(f.temp, filepath.FromSlash(name)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	f.buffer = bufio.NewWriterSize(f.open, 64<<10)
	return f.buffer, err
}

func (f *folder) finish() error {
	if f.open == nil {
		return nil
	}
	err := errors.Join(f.buffer.Flush(), f.open.Sync(), f.open.Close())
	f.open = nil
	return err
}

func (f *folder) Close() error {
	if err := f.finish(); err != nil {
		return err
	}
	for dir := range f.made {
		if err := durable.SyncDir(filepath.Join(f.temp, dir)); err != nil {
			return err
		}
	}
	if err := durable.SyncDir(f.temp); err != nil {
		return err
	}
	return publish(f.temp, f.path)
}

func (f *folder) Abort() error {
	if f.open != nil {
		_ = f.open.Close() // it is given up
		f.open = nil
	}
	return os.RemoveAll(f.temp)
}
