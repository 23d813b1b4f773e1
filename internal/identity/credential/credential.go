// Package credential has the forms of what opens an account: codes, the rules of
// passwords, recovery kits with their words. It keeps nothing itself.
package credential

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/seal"
)

const (
	// kitWork is the work of opening a kit, as a power of two. The words have 160
	// random bits, so scrypt need not add any: 32 MiB, a tenth of a second.
	kitWork = 15
	// maxWork bounds what a changed kit file can cost: 256 MiB.
	maxWork = 18
)

// Random returns n random octets.
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// FormatCode writes a code in groups of four letters and digits.
func FormatCode(raw []byte) string {
	s := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), "-")
}

// ParseCode reads what FormatCode wrote, in any case, with or without hyphens
// and blanks.
func ParseCode(code string) ([]byte, error) {
	s := strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\n", "", "\r", "").Replace(code))
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil || len(s) != base32.StdEncoding.WithPadding(base32.NoPadding).EncodedLen(seal.CodeSize) || len(raw) != seal.CodeSize {
		return nil, fault.New(fault.Invalid, "this is not a code: a code has 32 letters and digits in groups of four")
	}
	return raw, nil
}

// KitFile returns the file of a recovery kit: a code, encrypted to the words.
func KitFile(words []string, code string) ([]byte, error) {
	r, err := age.NewScryptRecipient(strings.Join(words, " "))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(kitWork)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, r)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "Siegel recovery kit 1\ncode %s\n", code)
	if err != nil {
		return nil, err
	}
	// Close writes the end of the file.
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ErrNoWords says that a kit was not tried, for want of words.
var ErrNoWords = errors.New("no words")

// OpenKit returns the code in a kit's file.
func OpenKit(file []byte, words string) ([]byte, error) {
	id, err := age.NewScryptIdentity(strings.Join(strings.Fields(strings.ToLower(words)), " "))
	if err != nil {
		return nil, fault.Because(fault.Invalid, "the words of the recovery kit are missing", errors.Join(ErrNoWords, err))
	}
	id.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(bytes.NewReader(file), id)
	if _, words := errors.AsType[*age.NoIdentityMatchError](err); words {
		return nil, fault.Because(fault.Denied, "the words do not open the recovery kit", err)
	}
	if err != nil {
		return nil, fault.Because(fault.Invalid, "this file is no recovery kit, or it is damaged: give the one that the founding wrote", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return nil, fault.Because(fault.Damaged, "the recovery kit is damaged", err)
	}
	code, ok := strings.CutPrefix(string(text), "Siegel recovery kit 1\ncode ")
	if !ok {
		return nil, fault.New(fault.Damaged, "the recovery kit is damaged")
	}
	return ParseCode(code)
}

// Proquints writes 16 bits as a word of five letters that can be spoken: the
// consonants carry four bits each, the vowels two.
func Proquints(b []byte) []string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	var words []string
	for ; len(b) >= 2; b = b[2:] {
		n := uint16(b[0])<<8 | uint16(b[1])
		words = append(words, string([]byte{consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15]}))
	}
	return words
}
