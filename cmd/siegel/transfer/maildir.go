package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"siegel/internal/proto/maildir"
)

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

// maildirFolder is what programs call a folder in a Maildir: Maildir++ has its path in
// the name, others nest folders.
func maildirFolder(name string) []string {
	if parts, ok := maildir.Folder(name); ok {
		return parts
	}
	return []string{name}
}

// maildir walks over a Maildir: first what is in it itself, new before cur, since
// messages move that way. What lies beside them is a folder like others: folders of
// Maildir++, Maildirs in one another, an mbox, messages that somebody put there.
func (w *walker) maildir(at place) error {
	w.shared = true
	if !at.mail {
		at.mail, at.folder = true, nil
	}
	own := maildir.Messages()
	start := max(0, slices.Index(own, w.first(at)))
	behind := w.first(at) != "" && !slices.Contains(own, w.first(at))
	for _, sub := range own[start:] {
		if behind {
			break // the cursor is in what lies beside them
		}
		if err := w.messages(w.below(at, sub), at.path); err != nil {
			return err
		}
	}
	from := ""
	if behind {
		from = w.first(at)
	}
	return w.each(at, from, func(name string) error {
		if slices.Contains(own, name) || maildir.Index(name) {
			return nil
		}
		return w.entry(w.below(at, name), name)
	})
}

// messages walks over new or cur of a Maildir.
func (w *walker) messages(at place, dir string) error {
	folder := strings.Join(at.folder, "/")
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
