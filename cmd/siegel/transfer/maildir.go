package transfer

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"siegel/cmd/siegel/transfer/dir"
	"siegel/internal/proto/maildir"
)

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
		if err := w.messages(w.below(at, sub)); err != nil {
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
		return w.entry(w.below(at, name))
	})
}

// messages walks over new or cur of a Maildir.
func (w *walker) messages(at place) error {
	found, err := at.in.Lstat(at.name)
	if err != nil {
		return w.refuse(at, err)
	}
	return w.inside(at, found, func(sub place) error {
		return w.each(sub, w.first(sub), func(name string) error {
			if maildir.Hidden(name) {
				return nil
			}
			return w.message(w.below(sub, name), at)
		})
	})
}

// message hands a message of a Maildir over.
func (w *walker) message(at, sub place) error {
	at.home = sub.in
	info, err := at.in.Lstat(at.name)
	if errors.Is(err, fs.ErrNotExist) {
		var now string
		if now, info, err = moved(sub.in, at.name); err == nil {
			at.in, at.name, at.path = sub.in, now, filepath.Join(filepath.Dir(sub.path), now)
		}
	}
	if err != nil {
		return w.refuse(at, err)
	}
	flags := maildir.ParseName(filepath.Base(at.name)).Flags
	return w.give(at, file{kind: letter, folder: strings.Join(sub.folder, "/"), flags: flags}, info)
}

// moved looks in a Maildir for a message whose flags have changed, or that was moved
// to cur, and returns its path in there.
func moved(home *dir.Dir, name string) (now string, found fs.FileInfo, err error) {
	unique := maildir.ParseName(path.Base(name)).Unique
	return home.Find(maildir.Messages(), func(other string) bool { return maildir.ParseName(other).Unique == unique })
}
