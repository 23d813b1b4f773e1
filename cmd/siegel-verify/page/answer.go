// Package page is what the proof page in a browser gets from the verifier: the
// report as the command has it, the same told to a judge, and the message, if the
// bundle has it and was not refused, as plain text.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"siegel/cmd/siegel-verify/check"
	"siegel/internal/proto/bundle"
)

// Bounds of what a visitor hands in, in octets.
const (
	// MaxBundle is more than a bundle can have: a message of 2^30 octets and the
	// files beside it.
	MaxBundle = 1<<30 + 256<<20
	// MaxKey bounds the ledger's key and the root certificates.
	MaxKey = 1 << 20
)

// Given is what the visitor has. Key and roots may be empty.
type Given struct {
	Bundle     io.ReaderAt
	Size       int64
	Key, Roots []byte
}

// Answer is all that the page shows.
type Answer struct {
	// Wrong says what is wrong with what was given: nothing was verified then.
	Wrong   []Wrong        `json:"wrong,omitempty"`
	SHA256  string         `json:"sha256,omitempty"` // of the bundle's file, in hex
	Report  *bundle.Report `json:"report,omitempty"`
	Account *check.Account `json:"account,omitempty"`
	Letter  *Letter        `json:"letter,omitempty"`
}

// Wrong is a complaint about one field of the form: bundle, key or roots.
type Wrong struct {
	Field string     `json:"field"`
	What  check.Both `json:"what"`
}

// Verify verifies what was given. It needs no connection and, beside what
// [bundle.Verify] needs, memory for what is shown of the message.
func Verify(g Given) *Answer {
	a := new(Answer)
	wrong := func(field string, err error) {
		if said, is := errors.AsType[*check.Error](err); is {
			a.Wrong = append(a.Wrong, Wrong{field, said.Both})
		}
	}
	key, err := optional(g.Key, check.Key)
	wrong("key", err)
	roots, err := optional(g.Roots, check.Roots)
	wrong("roots", err)
	if g.Size > MaxBundle {
		wrong("bundle", &check.Error{Both: check.Both{
			EN: "No proof bundle is as large as this file.", DE: "So groß wie diese Datei ist kein Beweispaket.",
		}})
	}
	if len(a.Wrong) > 0 {
		return a
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(g.Bundle, 0, g.Size)); err != nil {
		wrong("bundle", &check.Error{Both: check.Both{
			EN: "The file cannot be read: it may have been moved or changed meanwhile. Choose it again.",
			DE: "Die Datei ist nicht lesbar: vielleicht wurde sie inzwischen verschoben oder verändert. Wählen Sie sie noch einmal.",
		}})
		return a
	}
	a.SHA256 = hex.EncodeToString(sum.Sum(nil))
	a.Report = check.Bundle(g.Bundle, g.Size, key, roots)
	a.Account = check.Tell(a.Report)
	if a.Report.Message != nil {
		a.Letter = readLetter(a.Report.Message)
	}
	return a
}

// optional reads a key where one was given; blanks around what was pasted are
// not part of it.
func optional[T any](b []byte, read func(check.Both, []byte) (T, error)) (none T, err error) {
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return none, nil
	}
	if len(b) > MaxKey {
		b = nil // says that it is none
	}
	return read(check.Both{EN: "This", DE: "Das"}, b)
}
