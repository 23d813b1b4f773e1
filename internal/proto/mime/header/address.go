package header

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Bounds of addresses.
const (
	// MaxAddresses is how many addresses are read from one message or value.
	MaxAddresses = 10_000
	// maxAddress is the longest address taken; RFC 5321 section 4.5.3.1 allows
	// 64 + 1 + 255, and some sign bounces with longer ones.
	maxAddress = 998
)

// Address is one mailbox of an address field.
type Address struct {
	Name  string // display name or, without one, the comment; may be empty
	Addr  string // local@domain as written, without comments and route; empty if none was found
	Group string // name of the group it stands in, or empty
}

// AddressFields returns the names of the fields that hold addresses of
// originators and recipients, RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6.
func AddressFields() []string {
	return []string{
		"From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc",
	}
}

// Addresses returns the addresses in all fields with the given names, each
// normalised as by [NormalAddress] and listed once, in order, at most
// [MaxAddresses]. What has no "@" is left out.
func Addresses(fields []Field, names ...string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, f := range fields {
		if !slices.ContainsFunc(names, f.Is) {
			continue
		}
		for _, a := range ParseAddresses(f.Raw) {
			n := NormalAddress(a.Addr)
			if n == "" || seen[n] {
				continue
			}
			if len(out) == MaxAddresses {
				return out
			}
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// NormalAddress returns an address for comparing and searching: lower-case,
// in Unicode NFC, blanks around it and needless quotes removed, the domain in
// ASCII (IDNA 2008) and without its last dot. Local parts that differ in case
// only could be different people (RFC 5321 section 2.4); nobody lives so. It
// returns "" for what has no local part or no domain, has one that only quotes
// would allow, has a blank in the domain, or is longer than 998 bytes. The
// normal form of a normal form is itself.
func NormalAddress(addr string) string {
	if len(addr) > maxAddress {
		return ""
	}
	// First, since some characters are specials in NFC; again, since some
	// lower-case letters are not.
	addr = strings.TrimSpace(norm.NFC.String(strings.ToLower(norm.NFC.String(addr))))
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 {
		return ""
	}
	local, domain := strings.TrimPrefix(addr[:at], "mailto:"), strings.TrimRight(addr[at+1:], ".")
	if local == "" || local[0] != '"' && hasAny(local, "<>,:;") || hasAny(domain, "") {
		return ""
	}
	if n := len(local); n > 2 && local[0] == '"' && local[n-1] == '"' && !hasAny(local[1:n-1], "\\\"()<>[]:;@,") {
		local = local[1 : n-1]
	}
	if strings.ContainsFunc(domain, func(r rune) bool { return r >= 0x80 }) {
		if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
			domain = strings.TrimRight(ascii, ".") // invisible characters may have followed a dot
		}
	}
	// Punycode can be longer than what it encodes.
	if domain == "" || len(local)+1+len(domain) > maxAddress {
		return ""
	}
	return local + "@" + domain
}

// hasAny reports whether s has a blank of any kind or one of the specials.
func hasAny(s, specials string) bool {
	return strings.ContainsFunc(s, unicode.IsSpace) || strings.ContainsAny(s, specials)
}

// ParseAddresses reads the value of an address field, at most [MaxAddresses].
// It takes groups, comments, routes, quoted local parts, and the usual damage:
// semicolons or blanks between addresses, missing brackets and quotes, names
// with unquoted specials. A mailbox without an address is returned by its name
// alone. RFC 5322 sections 3.4 and 4.4.
func ParseAddresses(raw []byte) []Address {
	b := unfold(raw)
	p := addressParser{b: b, words: newWords(b)}
	for p.i < len(p.b) && len(p.out) < MaxAddresses {
		p.step()
	}
	p.finish()
	return p.out[:min(len(p.out), MaxAddresses)]
}

// addressParser reads a list from left to right, without going back.
type addressParser struct {
	b     []byte
	words words
	i     int
	out   []Address
	group string

	// The mailbox being read.
	phrase  []byte   // words of the name, encoded words not yet decoded
	label   []byte   // those of them that are no address
	labeled int      // how much of phrase was looked at for label
	comment []byte   // comments, likewise
	run     []byte   // the present word without blanks, a possible address
	bare    []string // words with an "@", outside angle brackets
	angle   string   // what stood in angle brackets
	angled  bool

	angleEnd int // how long phrase was behind them
}

// step reads one token.
func (p *addressParser) step() {
	switch c := p.b[p.i]; c {
	case ',':
		p.finish()
		p.i++
	case ';':
		p.finish()
		p.group = ""
		p.i++
	case ':':
		p.i++
		if p.angled || bytes.IndexByte(p.run, '@') >= 0 {
			p.run = append(p.run, c) // stray, or of an address literal: no group is named so
			return
		}
		p.group = strings.TrimSpace(decodeWords(p.phrase))
		p.reset()
	case '<':
		p.endRun()
		if p.angled { // a comma is missing: the words since belong to the next
			name := bytes.Clone(p.phrase[p.angleEnd:])
			p.phrase, p.labeled = p.phrase[:p.angleEnd], p.angleEnd
			p.finish()
			p.phrase, p.labeled = append(p.phrase, name...), len(name)
		}
		p.readAngle()
	case '(':
		end := skipComment(p.b, p.i)
		p.comment = append(append(p.comment, ' '), bytes.TrimSuffix(p.b[p.i+1:end], []byte(")"))...)
		p.i = end
	case '"':
		p.readQuoted()
	case ' ', '\t', '\r', '\n':
		p.blank()
	default:
		if c == '=' {
			if _, end, ok := p.words.at(p.i); ok {
				p.phrase = append(p.phrase, p.b[p.i:end]...)
				p.i = end
				return
			}
		}
		p.run = append(p.run, c)
		p.phrase = append(p.phrase, c)
		p.i++
	}
}

// blank ends a word, unless it stands beside the "@" or a dot of an address
// (RFC 5322 section 4.4 allows it there).
func (p *addressParser) blank() {
	for p.i < len(p.b) && isSpace(p.b[p.i]) {
		p.i++
	}
	if n := len(p.run); n > 0 && p.i < len(p.b) {
		last, next, at := p.run[n-1], p.b[p.i], bytes.IndexByte(p.run, '@') >= 0
		if last == '@' || next == '@' && !at || at && (last == '.' || next == '.') {
			return
		}
	}
	p.endRun()
	if len(p.phrase) > 0 {
		p.phrase = append(p.phrase, ' ')
	}
}

// endRun ends a word: it may be an address, or else part of a name.
func (p *addressParser) endRun() {
	if bytes.IndexByte(p.run, '@') < 0 {
		p.label = append(p.label, p.phrase[p.labeled:]...)
	} else if len(p.bare) < MaxAddresses {
		p.bare = append(p.bare, readable(p.run))
	}
	p.labeled = len(p.phrase)
	p.run = p.run[:0]
}

// readQuoted reads a quoted string: part of a name or a quoted local part.
func (p *addressParser) readQuoted() {
	q := paramParser{b: p.b, i: p.i}
	text := q.quoted()
	p.run = append(p.run, p.b[p.i:q.i]...)
	p.phrase = append(p.phrase, text...)
	p.i = q.i
}

// readAngle reads an address in angle brackets. Where the closing one is
// missing it ends at the next comma, semicolon or opening bracket.
func (p *addressParser) readAngle() {
	p.i++
	var spec []byte
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '>':
			p.i++
			p.setAngle(spec)
			return
		case c == '<':
			p.setAngle(spec)
			return
		case (c == ',' || c == ';') && (len(spec) == 0 || spec[0] != '@'):
			p.setAngle(spec)
			return
		case c == '(':
			end := skipComment(p.b, p.i)
			p.comment = append(append(p.comment, ' '), bytes.TrimSuffix(p.b[p.i+1:end], []byte(")"))...)
			p.i = end
			continue
		case c == '"':
			q := paramParser{b: p.b, i: p.i}
			q.quoted()
			spec = append(spec, p.b[p.i:q.i]...)
			p.i = q.i
			continue
		case !isSpace(c):
			spec = append(spec, c)
		}
		p.i++
	}
	p.setAngle(spec)
}

// setAngle keeps the address in angle brackets of a mailbox and drops the route before it (RFC 5322 section 4.4).
func (p *addressParser) setAngle(spec []byte) {
	if len(spec) > 0 && spec[0] == '@' {
		if colon := bytes.IndexByte(spec, ':'); colon >= 0 {
			spec = spec[colon+1:]
		}
	}
	p.angle, p.angled, p.angleEnd = readable(spec), true, len(p.phrase)
	p.bare = nil // what stood before is a name, even if it has an "@"
}

// finish ends a mailbox.
func (p *addressParser) finish() {
	p.endRun()
	name := strings.TrimSpace(decodeWords(p.phrase))
	comment := strings.TrimSpace(decodeWords(p.comment))
	switch {
	case p.angled:
		if name == "" {
			name = comment
		}
		p.add(Address{Name: name, Addr: p.angle})
		for _, a := range p.bare { // behind the brackets: a comma is missing
			p.add(Address{Addr: a})
		}
	case len(p.bare) > 0:
		// Without brackets the words around are a name only if there is one address.
		label := comment
		if len(p.bare) == 1 && label == "" {
			label = strings.TrimSpace(decodeWords(p.label))
		}
		for _, a := range p.bare {
			p.add(Address{Name: label, Addr: a})
		}
	case name != "" || comment != "":
		if name == "" {
			name = comment
		}
		p.add(Address{Name: name})
	}
	p.reset()
}

// add appends one mailbox within the bound.
func (p *addressParser) add(a Address) {
	if len(p.out) == MaxAddresses {
		return
	}
	if len(a.Addr) > maxAddress {
		a.Addr = ""
	}
	a.Group = p.group
	p.out = append(p.out, a)
}

// reset forgets the mailbox being read.
func (p *addressParser) reset() {
	p.phrase, p.comment, p.run, p.bare = p.phrase[:0], p.comment[:0], p.run[:0], nil
	p.label, p.labeled, p.angle, p.angled = p.label[:0], 0, "", false
}
