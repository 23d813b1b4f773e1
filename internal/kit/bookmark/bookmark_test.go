package bookmark_test

import (
	"strings"
	"testing"

	"siegel/internal/kit/bookmark"
)

// A place is read again in its list and in no other, whole and in one spelling.
func TestBound(t *testing.T) {
	text := bookmark.Text("names", []byte("abc"), []byte("x"), []byte("y"))
	if b, ok := bookmark.Place("names", text, 3, []byte("x"), []byte("y")); !ok || string(b) != "abc" {
		t.Fatalf("%q, %v", b, ok)
	}
	for name, taken := range map[string]func() ([]byte, bool){
		"another kind":  func() ([]byte, bool) { return bookmark.Place("others", text, 3, []byte("x"), []byte("y")) },
		"another list":  func() ([]byte, bool) { return bookmark.Place("names", text, 3, []byte("x"), []byte("z")) },
		"fields joined": func() ([]byte, bool) { return bookmark.Place("names", text, 3, []byte("xy")) },
		"another size":  func() ([]byte, bool) { return bookmark.Place("names", text, 4, []byte("x"), []byte("y")) },
		"nothing":       func() ([]byte, bool) { return bookmark.Place("names", "", 3) },
		"cut":           func() ([]byte, bool) { return bookmark.Place("names", text[1:], 3, []byte("x"), []byte("y")) },
		"ends of lines": func() ([]byte, bool) {
			return bookmark.Place("names", text[:9]+"\n"+text[9:], 3, []byte("x"), []byte("y"))
		},
		"lines, as long": func() ([]byte, bool) {
			return bookmark.Place("names", text[:9]+"\n"+text[10:], 3, []byte("x"), []byte("y"))
		},
		"another place": func() ([]byte, bool) { return bookmark.Place("names", "Z"+text[1:], 3, []byte("x"), []byte("y")) },
		"much too long": func() ([]byte, bool) { return bookmark.Place("names", strings.Repeat(text, 1000), 3) },
	} {
		if b, ok := taken(); ok {
			t.Errorf("%s: read as %q", name, b)
		}
	}
}

// What is read as a bookmark is written the same.
func FuzzPlace(f *testing.F) {
	f.Add("")
	f.Add(bookmark.Text("names", []byte("abcd"), []byte("list")))
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := bookmark.Place("names", s, 4, []byte("list"))
		if ok && bookmark.Text("names", b, []byte("list")) != s {
			t.Errorf("%q has two spellings", s)
		}
	})
}
