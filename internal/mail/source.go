package mail

import (
	"slices"
	"strings"
)

// Form is what a registered source hands in.
type Form string

// The forms. They are part of the formats (docs/formats/entry.md).
const (
	Reports      Form = "reports"       // journal reports, which are unwrapped
	Copies       Form = "copies"        // messages as they are
	CopiesFields Form = "copies+fields" // messages whose delivery fields name recipients
)

// Doors in [Source].
const (
	DoorLMTP    = "lmtp"
	DoorJournal = "journal"
	DoorImport  = "import"
)

// DoorName reports whether a word is the name of a way in that is always there.
func DoorName(s string) bool { return slices.Contains([]string{DoorLMTP, DoorJournal, DoorImport}, s) }

// What a registered source handed in, as it stands in the entry.
const (
	MarkMessage     = "message"     // as it came
	MarkReport      = "report"      // a journal report, unwrapped
	MarkUndecodable = "undecodable" // a journal report that could not be, as it came
)

// Source says through which door a message came.
type Source struct {
	Door string // DoorLMTP, …
	Peer string // network address of the client, "unix" for a socket
	TLS  string // protocol version, empty without TLS

	// Of a registered source:
	ID   ID     // zero for a way in that is always there
	Form Form   // what it hands in
	Mark string // what it was
}

// String returns one line, which is kept as evidence: door, peer and TLS
// version, separated by a space, "-" for what is absent, and the id and mark of a
// registered source.
func (s Source) String() string {
	or := func(v string) string {
		if v == "" {
			return "-"
		}
		return v
	}
	line := or(s.Door) + " " + or(s.Peer) + " " + or(s.TLS)
	if !s.ID.IsZero() {
		line += " " + s.ID.String() + " " + or(s.Mark)
	}
	return line
}

// MarkOf returns the mark of a registered source in a line of [Source.String], and
// nothing where there is none.
func MarkOf(line string) string {
	if words := strings.Split(line, " "); len(words) == 5 {
		return words[4]
	}
	return ""
}

// Key names the source where what it handed in is counted.
func (s Source) Key() string {
	if s.ID.IsZero() {
		return s.Door
	}
	return s.ID.String()
}
