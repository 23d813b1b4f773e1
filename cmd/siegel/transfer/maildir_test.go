package transfer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Nothing that is in a Maildir or below it is left out without a word: Maildirs in one
// another and below folders of Maildir++, an mbox, messages, also with hidden names.
func TestNestedMaildir(t *testing.T) {
	mbox := func(name string) string { return "From a@example.com Thu Nov 26 09:30:00 2026\n" + name + "\n" }
	dir := plant(
		t, "M/new/", "M/cur/1.h:2,S", "M/tmp/no", "M/cur/.no",
		"M/Work/new/2.h", "M/Work/cur/", "M/Work/Deep/new/3.h", "M/Work/Deep/cur/",
		"M/.A/new/", "M/.A/cur/4.h:2,", "M/.A/Sub/new/", "M/.A/Sub/cur/5.h:2,R", "M/.A/.B.C/cur/6.h:2,", "M/.A/.B.C/new/", "M/.A/7.eml", "M/.A/maildirfolder",
		"M/.inbox.directory/K/new/8.h", "M/.inbox.directory/K/cur/", "M/Plain/9.eml", "M/Plain/dovecot.index", "M/Plain/cur/10.h:2,",
		"M/.no", "M/.no.mbox", "M/.11.eml", "M/12.eml", "M/dovecot-uidlist", "M/.mbsyncstate", "M/maildirsize", "M/odd.txt",
		"plain/.no", "plain/.13.eml", "plain/courierimapuiddb", "plain/.dir/14.eml",
	)
	for _, name := range []string{"M/old.mbox", "M/.hidden.mbox", "M/.A/old", "plain/.hidden.mbox", "plain/.dir/x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(mbox(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	l := new(listed)
	r := &reader{to: l}
	w := &walker{say: english, batch: 2, found: func(f file) error {
		n := len(l.found)
		err := r.file(f)
		for _, what := range l.found[n:] {
			rel, _ := filepath.Rel(dir, f.path)
			what = strings.TrimSuffix(what, "\n")
			if strings.HasPrefix(what, "refused: ") {
				rel += " is refused"
			} else if what != rel {
				t.Errorf("%s has %q", rel, what)
			}
			if f.folder != "" {
				rel += " in " + f.folder
			}
			found = append(found, rel)
		}
		return err
	}}
	if err := w.argument(0, dir, 0); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"M/cur/1.h:2,S", "M/.11.eml",
		"M/.A/cur/4.h:2, in A", "M/.A/.B.C/cur/6.h:2, in A/B/C", "M/.A/7.eml", "M/.A/Sub/cur/5.h:2,R in A/Sub", "M/.A/old",
		"M/.hidden.mbox", "M/.inbox.directory/K/new/8.h in inbox/directory/K", "M/.no.mbox is refused", "M/12.eml",
		"M/Plain/9.eml", "M/Plain/cur/10.h:2, is refused", "M/Work/new/2.h in Work", "M/Work/Deep/new/3.h in Work/Deep",
		"M/odd.txt is refused", "M/old.mbox",
		"plain/.13.eml", "plain/.dir/14.eml", "plain/.dir/x", "plain/.hidden.mbox", "plain/courierimapuiddb is refused",
	}
	if !slices.Equal(found, want) {
		t.Errorf("%q, want\n%q", found, want)
	}
}
