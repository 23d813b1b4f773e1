// Package bookmark has places in lists as texts, each bound to the list it is a place in, so
// that a place of one list is refused by every other. What is in one is no secret from who
// has the list, and nothing is allowed by it: who may see what is decided anew for each page.
package bookmark

import (
	"crypto/sha256"
	"encoding/base64"

	"siegel/internal/kit/canonical"
	"siegel/internal/kit/tuple"
)

// sumSize is enough to tell lists apart; whoever has a bookmark may as well make one.
const sumSize = 12

// Text returns a place as text in base64url: its octets, then a sum of the list and of them.
// The label says which kind of list and place it is, the fields which one.
func Text(label string, place []byte, list ...[]byte) string {
	b := append(append([]byte{}, place...), sum(label, place, list)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Place reads what [Text] wrote of a place of so many octets, and reports whether it is one of
// this list, in its one spelling.
func Place(label, text string, size int, list ...[]byte) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(size+sumSize) {
		return nil, false
	}
	b, ok := canonical.Base64URL(text)
	if !ok || string(b[size:]) != string(sum(label, b[:size], list)) {
		return nil, false
	}
	return b[:size], true
}

func sum(label string, place []byte, list [][]byte) []byte {
	fields := append(append([][]byte{}, list...), place)
	s := sha256.Sum256(tuple.Make(label, fields...))
	return s[:sumSize]
}
