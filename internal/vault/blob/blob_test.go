package blob_test

import (
	"strings"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
)

// A name is a path below the store and nothing else: no driver has to think of
// '..', of hidden files or of what its file system does with letters.
func TestNameCheck(t *testing.T) {
	for _, n := range []blob.Name{
		"a", "a/b", "a/b/c/d/e/f/g/h", "0123456789abcdef/packs/00/00ff", "a-b/c.d", "-", "a./b", "a..b",
		blob.Name(strings.Repeat("a", 255)),
	} {
		if err := n.Check(); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	for _, n := range []blob.Name{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "./a", "a/.b", ".tmp-1",
		"A", "a/B", "ä", "a b", "a_b", "a\\b", "a:b", "a\x00", "a\n", "a\x7f", "a/b/c/d/e/f/g/h/i",
		"а", // Cyrillic
		blob.Name(strings.Repeat("a", 256)),
	} {
		if err := n.Check(); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%q: %v, want kind Invalid", n, err)
		}
	}
}

// docs/formats/pack.md: the tenant, packs, the first octet of the id, the id.
func TestPackName(t *testing.T) {
	var tenant, pack mail.ID
	tenant[0], pack[0], pack[15] = 0xab, 0xcd, 0xef
	got := blob.PackName(tenant, pack)
	if want := blob.Name("ab000000000000000000000000000000/packs/cd/cd0000000000000000000000000000ef"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
	for range 100 {
		if err := blob.PackName(mail.NewID(), mail.NewID()).Check(); err != nil {
			t.Fatal(err)
		}
	}
}
