// Package mail has the words that every room speaks: ids, addresses,
// envelopes. It does no input or output and decides nothing.
package mail

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"siegel/internal/proto/mime/header"
)

// Address is a mail address as it is compared: lower case (RFC 5321 section 2.4
// lets hosts tell cases apart; nobody does, and an archive that did would hide
// mail from its owner), needless quotes removed, the domain in A-labels. The
// empty Address is the null reverse path of RFC 5321 section 4.5.5.
type Address string

// NewAddress normalises an addr-spec. It does not judge whether the address
// may exist: what has no form is kept in lower case. Normalising an Address
// again changes nothing.
func NewAddress(s string) Address {
	// Before, not after: what has no form because of a blank at its end or a long
	// capital letter would have one the second time.
	s = strings.TrimSpace(strings.ToLower(s))
	if n := header.NormalAddress(s); n != "" {
		return Address(n)
	}
	return Address(s)
}

// Domain returns what follows the last @, or the empty Domain.
func (a Address) Domain() Domain {
	at := strings.LastIndexByte(string(a), '@')
	if at < 0 {
		return ""
	}
	return Domain(a[at+1:])
}

// String returns the address as it is compared.
func (a Address) String() string { return string(a) }

// Readable returns the address as who typed it reads it, with its domain as
// [Domain.Readable] has it; what would be another address so is as it is compared.
func (a Address) Readable() string {
	d := a.Domain()
	s := strings.TrimSuffix(a.String(), d.String()) + d.Readable()
	if NewAddress(s) != a {
		return a.String()
	}
	return s
}

// Domain is a domain name as it is compared: lower case, A-labels, without the
// final dot.
type Domain string

// NewDomain normalises a domain name; what is no valid name stays as it is, in
// lower case, without blanks around it and dots behind it. Normalising a Domain
// again changes nothing.
func NewDomain(s string) Domain {
	s = trimDomain(strings.ToLower(s))
	if a, err := idna.Lookup.ToASCII(s); err == nil {
		s = trimDomain(a) // invisible characters may have followed a dot
	}
	return Domain(s)
}

func trimDomain(s string) string {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	return strings.TrimRightFunc(s, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// String returns the domain as it is compared.
func (d Domain) String() string { return string(d) }

// Readable returns the domain in U-labels (RFC 5890 section 2.3.2.1), for who typed it and
// would not know "xn--…" again; what is no valid name in them is as it is compared. Two names
// of different alphabets may look the same in U-labels: who is shown a domain that
// somebody else chose, in a message or to decide about, is shown the String.
func (d Domain) Readable() string {
	u, err := idna.Display.ToUnicode(d.String())
	if err != nil || NewDomain(u) != d {
		return d.String()
	}
	return u
}

// Envelope is what the sender said outside the message: who sends, and to
// whom, both in the form of the wire. An archive keeps it because the header
// may say something else, or leave out a blind copy.
type Envelope struct {
	From string   // reverse path; empty for the null reverse path
	To   []string // recipients in the order of the transaction
	// How says for each recipient how he got the message, as it stands behind his
	// path in the entry (docs/formats/journal.md); nil where nothing tells.
	How []string
}

// Item returns what the entry says of the i-th recipient.
func (e Envelope) Item(i int) string {
	item := "RCPT TO:<" + e.To[i] + ">"
	if i < len(e.How) && e.How[i] != "" {
		item += " " + e.How[i]
	}
	return item
}

// ItemAddress returns the address in an item of an envelope, sender or recipient.
func ItemAddress(item string) Address {
	path, _ := cutItem(item)
	return NewAddress(path)
}

// FieldMark begins how a recipient got a message whom one of its delivery fields
// names.
const FieldMark = "field "

// ItemInField reports whether a recipient was named by a delivery field of the
// message.
func ItemInField(item string) bool {
	_, how := cutItem(item)
	return strings.HasPrefix(how, FieldMark)
}

// cutItem returns the path in an item of an envelope, and how its recipient got the
// message.
func cutItem(item string) (path, how string) {
	path, ok := strings.CutPrefix(item, "RCPT TO:<")
	if !ok {
		path, _ = strings.CutPrefix(item, "MAIL FROM:<")
	}
	quoted := false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return path[:i], strings.TrimPrefix(path[i+1:], " ")
		}
	}
	return strings.TrimSuffix(path, ">"), ""
}

// Time cuts a time to the microseconds that rows keep, in UTC.
func Time(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Micros is the form of a time in rows: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros is the inverse of Micros.
func FromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }

// Owner is a person of a tenant as a reader of mail: the holder that mail is
// sealed to, and which of the addresses asked for are hers.
type Owner struct {
	Holder    HolderID
	Addresses []Address
}

// Month is the month of a time in UTC, year times 100 and month: the period of
// projections.
func Month(t time.Time) int { return t.UTC().Year()*100 + int(t.UTC().Month()) }
