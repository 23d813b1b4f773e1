// Package maildir reads the names of files and folders of a Maildir
// (https://cr.yp.to/proto/maildir.html) and of Maildir++, which keeps further folders
// beside cur, new and tmp. It opens nothing.
package maildir

import (
	"slices"
	"strings"
)

// Name is the name of a message's file in cur or new.
type Name struct {
	Unique string // what stays while flags change and the file moves from new to cur
	Flags  string // letters in the order of the name; empty where there are none
}

// ParseName reads the name of a file: everything up to the last colon is its unique
// part where "2," and flags follow. What has another form has no flags.
func ParseName(file string) Name {
	at := strings.LastIndexByte(file, ':')
	if at < 0 {
		return Name{Unique: file}
	}
	flags, ok := strings.CutPrefix(file[at+1:], "2,")
	if !ok {
		flags = ""
	}
	return Name{Unique: file[:at], Flags: flags}
}

// String writes the name as it stands in cur.
func (n Name) String() string { return n.Unique + ":2," + n.Flags }

// Is reports whether a folder with such names in it is a Maildir: tmp may be missing
// where somebody copied it.
func Is(names []string) bool { return slices.Contains(names, "cur") && slices.Contains(names, "new") }

// Messages are the folders of a Maildir with messages in them, in the order in which
// they must be read while others use it: a message moves from new to cur, never back.
func Messages() []string { return []string{"new", "cur"} }

// Folder returns the path of a Maildir++ folder by the name of its directory, and
// whether it is one: ".Work.2026" is Work, 2026.
func Folder(name string) ([]string, bool) {
	rest, ok := strings.CutPrefix(name, ".")
	if !ok || rest == "" {
		return nil, false
	}
	parts := strings.Split(rest, ".")
	return parts, !slices.Contains(parts, "")
}

// Hidden reports whether a file in new or cur is none of the messages.
func Hidden(file string) bool { return strings.HasPrefix(file, ".") }

// Index reports whether a name beside cur and new is of what programs keep there to
// find mail again, and no mail: Dovecot, Courier, Maildir++ and mbsync do. So is tmp,
// where messages lie that were not delivered.
func Index(name string) bool {
	switch name {
	case "tmp", "maildirfolder", "maildirsize", "subscriptions", ".subscriptions", ".uidvalidity", ".isyncuidmap.db":
		return true
	}
	for _, begin := range []string{"dovecot.", "dovecot-", ".dovecot.", "courierimap", "courierpop3", ".mbsyncstate"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}
