// Package disk keeps objects as files of one directory. Everything durable goes
// through kit/durable: the content is synced before the name appears, and the
// name before Put returns.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
)

// Store is a directory of objects. Only one process may use it.
type Store struct {
	root string

	mu   sync.Mutex
	dirs map[string]bool // directories whose entry is known to be durable; guarded by mu

	swap sync.Mutex // held while a value is compared and replaced
}

// Interfaces that Store has.
var (
	_ blob.Store    = (*Store)(nil)
	_ blob.Register = (*Store)(nil)
	_ blob.Lister   = (*Store)(nil)
)

// Open returns the store in a directory, which it makes where it is missing,
// and removes what an interrupted Put left.
func Open(root string) (_ *Store, err error) {
	defer fault.Wrap(&err, "object store")
	if err := durable.Mkdir(root, 0o700); err != nil {
		return nil, classify(err)
	}
	s := &Store{root: root, dirs: map[string]bool{root: true}}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), durable.TempPrefix) {
			return os.Remove(path)
		}
		return err
	})
	return s, classify(err)
}

// Put implements [blob.Store].
func (s *Store) Put(ctx context.Context, n blob.Name, r io.Reader, size int64) (err error) {
	defer fault.Wrap(&err, "put")
	path, err := s.path(n)
	if err != nil {
		return err
	}
	if err := s.makeDir(filepath.Dir(path)); err != nil {
		return classify(err)
	}
	return classify(durable.CreateFrom(path, 0o400, func(w io.Writer) error {
		got, err := io.Copy(w, contextReader{ctx, io.LimitReader(r, size+1)})
		if err == nil && got != size {
			err = fmt.Errorf("%d octets came, %d were announced", got, size)
		}
		return err
	}))
}

// contextReader ends a copy whose caller has gone.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

func (s *Store) path(n blob.Name) (string, error) {
	if err := n.Check(); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(string(n))), nil
}

// makeDir makes a directory and its parents durable. What is known to be
// durable costs nothing.
func (s *Store) makeDir(dir string) error {
	s.mu.Lock()
	known := s.dirs[dir]
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := s.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs[dir] = true
	return nil
}

// Get implements [blob.Store].
func (s *Store) Get(_ context.Context, n blob.Name, offset, length int64) (_ io.ReadCloser, err error) {
	defer fault.Wrap(&err, "get")
	path, err := s.path(n)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, classify(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(classify(err), f.Close())
	}
	if length < 0 {
		length = info.Size() - offset
	}
	if offset < 0 || length < 0 || offset+length > info.Size() {
		return nil, errors.Join(fault.New(fault.Damaged, "a stored object is shorter than it should be"), f.Close())
	}
	return section{io.NewSectionReader(f, offset, length), f}, nil
}

type section struct {
	io.Reader
	io.Closer
}

// Size implements [blob.Store].
func (s *Store) Size(_ context.Context, n blob.Name) (int64, error) {
	path, err := s.path(n)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, classify(err)
	}
	return info.Size(), nil
}

// Load implements [blob.Register].
func (s *Store) Load(_ context.Context, n blob.Name) ([]byte, error) {
	path, err := s.path(n)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, classify(err)
}

// Swap implements [blob.Register].
func (s *Store) Swap(ctx context.Context, n blob.Name, old, value []byte) (err error) {
	defer fault.Wrap(&err, "swap")
	s.swap.Lock()
	defer s.swap.Unlock()
	now, err := s.Load(ctx, n)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) || (now == nil) != (old == nil) {
		return fault.New(fault.Conflict, "somebody else replaced the value")
	}
	path, err := s.path(n)
	if err != nil {
		return err
	}
	if err := s.makeDir(filepath.Dir(path)); err != nil {
		return classify(err)
	}
	return classify(durable.WriteFile(path, value, 0o600))
}

// List implements [blob.Lister].
func (s *Store) List(ctx context.Context, prefix string, f func(n blob.Name, size int64) error) error {
	return classify(filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() || strings.HasPrefix(d.Name(), durable.TempPrefix) {
			return nil
		}
		rel, err := filepath.Rel(s.root, path)
		if err != nil {
			return err
		}
		n := filepath.ToSlash(rel)
		if !strings.HasPrefix(n, prefix) {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		return f(blob.Name(n), info.Size())
	}))
}

// Delete implements [blob.Lister].
func (s *Store) Delete(_ context.Context, n blob.Name) error {
	path, err := s.path(n)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classify(err)
	}
	return classify(durable.SyncDir(filepath.Dir(path)))
}

// classify gives an error of the file system a kind.
func classify(err error) error {
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.Because(fault.NotFound, "there is no such object", err)
	case errors.Is(err, fs.ErrExist):
		return fault.Because(fault.Conflict, "the object exists", err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fault.Because(fault.Exhausted, "the object store is full", err)
	default:
		return fault.Because(fault.Internal, "the object store cannot be used", err)
	}
}
