package maildir_test

import (
	"slices"
	"strings"
	"testing"

	"siegel/internal/proto/maildir"
)

func TestParseName(t *testing.T) {
	for file, want := range map[string]maildir.Name{
		"1204680122.27c448.host":      {Unique: "1204680122.27c448.host"},
		"1204680122.27c448.host:2,":   {Unique: "1204680122.27c448.host"},
		"1204680122.27c448.host:2,RS": {Unique: "1204680122.27c448.host", Flags: "RS"},
		"1.host,S=12,W=13:2,FRSab":    {Unique: "1.host,S=12,W=13", Flags: "FRSab"},
		"1.host:1,S":                  {Unique: "1.host"},
		"a:b:2,S":                     {Unique: "a:b", Flags: "S"},
		"":                            {},
	} {
		if got := maildir.ParseName(file); got != want {
			t.Errorf("%q: %+v", file, got)
		}
	}
}

func TestFolder(t *testing.T) {
	for name, want := range map[string]string{".Sent": "Sent", ".Work.2026": "Work/2026", ".A b": "A b", "": "", ".": "", "..": "", "Sent": "", ".a..b": "", "cur": ""} {
		got, ok := maildir.Folder(name)
		if ok != (want != "") || (ok && strings.Join(got, "/") != want) {
			t.Errorf("%q: %v %v", name, got, ok)
		}
	}
	if !maildir.Is([]string{"cur", "new", "tmp"}) || maildir.Is([]string{"cur", "x"}) || !maildir.Hidden(".x") || maildir.Hidden("x") {
		t.Error("what a Maildir is")
	}
	if !slices.Equal(maildir.Messages(), []string{"new", "cur"}) {
		t.Error("cur is read before new: what moves meanwhile is missed")
	}
}

func TestIndex(t *testing.T) {
	for name, want := range map[string]bool{
		"tmp": true, "dovecot-uidlist": true, "dovecot.index.cache": true, "courierimapkeywords": true, "courierpop3dsizelist": true, "maildirsize": true,
		"subscriptions": true, ".mbsyncstate.lock": true, ".uidvalidity": true,
		"cur": false, "new": false, "Work": false, ".Sent": false, ".dovecot": false, "dovecot": false, "courier": false, "subscriptions.mbox": false,
	} {
		if maildir.Index(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// Any file name has one reading, and a name with flags is written as it was.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"1.host:2,RS", "a:b", ":2,", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		n := maildir.ParseName(file)
		if strings.HasPrefix(file[len(n.Unique):], ":2,") && n.String() != file {
			t.Errorf("%q became %q", file, n)
		}
		if again := maildir.ParseName(n.String()); again != n && !strings.ContainsRune(n.Flags, ':') {
			t.Errorf("%+v became %+v", n, again)
		}
		if parts, ok := maildir.Folder(file); ok && "."+strings.Join(parts, ".") != file {
			t.Errorf("%q became %v", file, parts)
		}
	})
}
