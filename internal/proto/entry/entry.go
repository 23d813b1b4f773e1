// Package entry is the text form of what the ledger says: entries, field
// commitments, leaves, salted trees and the openings of messages, as
// docs/formats/entry.md and tuple.md define them. Pure functions on octets.
package entry

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of an entry's text.
const (
	SaltSize  = 32
	maxText   = 16 << 10
	maxFields = 64
	prefix    = "siegel/v1 "
)

// TimeFormat is how times stand in texts: UTC, six digits after the point.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// Errors of parsing and checking.
var (
	ErrFormat     = errors.New("entry: not a Siegel entry")
	ErrCommitment = errors.New("entry: the opening does not fit the commitment")
	ErrTree       = errors.New("entry: the path does not lead to the root")
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// Field is a line of an entry: a name and what it commits to.
type Field struct {
	Name       string
	Commitment Hash
}

// Entry is one fact in a log. Fields are in ascending order of their names.
type Entry struct {
	Kind   string
	ID     [16]byte
	Time   time.Time
	Size   int64
	Fields []Field
}

// Opening is what a commitment hides.
type Opening struct {
	Salt  Hash
	Value []byte
}

// Commit returns the commitment of an opening: SHA-256(salt || value).
func (o Opening) Commit() Hash {
	h := sha256.New()
	h.Write(o.Salt[:])
	h.Write(o.Value)
	return Hash(h.Sum(nil))
}

// Text returns the one spelling of the entry. Fields may be in any order; a
// name twice or a malformed one is ErrFormat.
func (e Entry) Text() ([]byte, error) {
	fields := slices.Clone(e.Fields)
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	b := make([]byte, 0, 128+len(fields)*(2*sha256.Size+16))
	b = append(append(b, prefix...), e.Kind...)
	b = hex.AppendEncode(append(b, "\nid "...), e.ID[:])
	b = e.Time.UTC().AppendFormat(append(b, "\ntime "...), TimeFormat)
	b = strconv.AppendInt(append(b, "\nsize "...), e.Size, 10)
	b = append(b, '\n')
	for _, f := range fields {
		b = append(append(b, f.Name...), ' ')
		b = append(hex.AppendEncode(b, f.Commitment[:]), '\n')
	}
	if _, err := Parse(b); err != nil {
		return nil, err
	}
	return b, nil
}

// Parse reads an entry and refuses any other spelling than Text's.
func Parse(text []byte) (Entry, error) {
	var e Entry
	if len(text) > maxText || len(text) == 0 || text[len(text)-1] != '\n' {
		return e, ErrFormat
	}
	lines := strings.Split(string(text[:len(text)-1]), "\n")
	if len(lines) < 4 || len(lines) > 4+maxFields {
		return e, ErrFormat
	}
	kind, ok := strings.CutPrefix(lines[0], prefix)
	if !ok || !isName(kind) {
		return e, ErrFormat
	}
	e.Kind = kind
	id, ok := strings.CutPrefix(lines[1], "id ")
	if !ok || !decodeHex(e.ID[:], id) {
		return e, ErrFormat
	}
	if err := e.parseNumbers(lines[2], lines[3]); err != nil {
		return Entry{}, err
	}
	last := ""
	for _, line := range lines[4:] {
		name, value, ok := strings.Cut(line, " ")
		f := Field{Name: name}
		if !ok || !isName(name) || name <= last || !decodeHex(f.Commitment[:], value) {
			return Entry{}, ErrFormat
		}
		last = name
		e.Fields = append(e.Fields, f)
	}
	return e, nil
}

func (e *Entry) parseNumbers(timeLine, sizeLine string) error {
	at, ok := strings.CutPrefix(timeLine, "time ")
	if !ok {
		return ErrFormat
	}
	t, err := time.Parse(TimeFormat, at)
	if err != nil || t.Format(TimeFormat) != at {
		return ErrFormat
	}
	size, ok := strings.CutPrefix(sizeLine, "size ")
	if !ok {
		return ErrFormat
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != size {
		return ErrFormat
	}
	e.Time, e.Size = t.UTC(), n
	return nil
}

// decodeHex fills dst from lower-case hex of exactly its length.
func decodeHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := digit(s[2*i]), digit(s[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// digit is the value of a lower-case hexadecimal digit, or more than 15.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

func isName(s string) bool {
	if len(s) == 0 || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Check compares an opening with the field of that name.
func (e Entry) Check(name string, o Opening) error {
	for _, f := range e.Fields {
		if f.Name == name {
			got := o.Commit()
			if subtle.ConstantTimeCompare(got[:], f.Commitment[:]) == 1 {
				return nil
			}
			return fmt.Errorf("field %s: %w", name, ErrCommitment)
		}
	}
	return fmt.Errorf("field %s: %w", name, ErrCommitment)
}

// LeafData returns the 32 octets that a log keeps of an entry and of the sealed
// octets it speaks of. Where there are none, sealed is the hash of nothing.
func LeafData(text []byte, sealed Hash) Hash {
	entry := sha256.Sum256(text)
	h := sha256.New()
	h.Write([]byte("siegel/v1 leaf"))
	h.Write(entry[:])
	h.Write(sealed[:])
	return Hash(h.Sum(nil))
}

// Nothing is the hash of no octets: the sealed hash of an entry that speaks of
// nothing sealed.
func Nothing() Hash { return sha256.Sum256(nil) }

// PartSalt returns the salt of the i-th octet range of a message. Who wants many
// takes them from [PartSalts], where one costs half.
func PartSalt(seed Hash, i int) Hash { return NewPartSalts(seed).At(i) }

// PartSalts gives the salts of a message's octet ranges. It belongs to one
// goroutine.
type PartSalts struct {
	mac     hash.Hash
	message [len(partLabel) + 8]byte
	salt    Hash
}

// NewPartSalts returns the salts that come from a seed.
func NewPartSalts(seed Hash) *PartSalts {
	p := &PartSalts{mac: hmac.New(sha256.New, seed[:])}
	copy(p.message[:], partLabel)
	return p
}

// At returns the salt of the i-th range.
func (p *PartSalts) At(i int) Hash {
	binary.BigEndian.PutUint64(p.message[len(partLabel):], uint64(i))
	p.mac.Reset()
	p.mac.Write(p.message[:])
	p.mac.Sum(p.salt[:0])
	return p.salt
}

const partLabel = "siegel/v1 part"

// RecordHash is RFC 6962's hash of a leaf.
func RecordHash(data Hash) Hash {
	var b [1 + sha256.Size]byte // the first octet is 0x00
	copy(b[1:], data[:])
	return sha256.Sum256(b[:])
}
