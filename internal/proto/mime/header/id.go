package header

import (
	"bytes"
	"strings"
)

// Bounds of identifiers. References fields grow with a conversation; the
// newest identifiers stand last and the first names its root.
const (
	maxIDs      = 1000
	maxIDLength = 998 // RFC 5322 section 2.1.1: no longer fits a line
)

// IDs returns the message identifiers of a Message-ID, In-Reply-To or
// References value, without angle brackets and with white space and line
// breaks removed, in order, at most 1,000, each of at most 998 bytes (longer
// ones are left out). A value without any angle bracket is taken as one
// identifier up to its first white space. RFC 5322 section 3.6.4.
func IDs(raw []byte) []string {
	var ids []string
	add := func(b []byte) {
		id := strings.ReplaceAll(readable(b), " ", "")
		if id != "" && len(id) <= maxIDLength && len(ids) < maxIDs {
			ids = append(ids, id)
		}
	}
	if bytes.IndexByte(raw, '<') < 0 {
		if words := bytes.Fields(raw[:min(len(raw), 2*maxIDLength)]); len(words) > 0 {
			add(bytes.Trim(words[0], ">"))
		}
		return ids
	}
	for len(ids) < maxIDs {
		_, rest, ok := bytes.Cut(raw, []byte("<"))
		if !ok {
			break
		}
		end := bytes.IndexAny(rest, "<>")
		if end < 0 {
			end = len(rest)
		}
		add(rest[:min(end, 2*maxIDLength)])
		raw = rest[end:]
	}
	return ids
}

// MessageID returns the first identifier of the first Message-ID field, or "".
func MessageID(fields []Field) string {
	if ids := IDs(get(fields, "Message-ID").Raw); len(ids) > 0 {
		return ids[0]
	}
	return ""
}
