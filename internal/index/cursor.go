package index

import (
	"encoding/binary"

	"siegel/internal/index/projection"
	"siegel/internal/kit/bookmark"
	"siegel/internal/kit/fault"
)

// Order is in which order a search lists what it found.
type Order string

// The orders. In each, what is equal otherwise stands newest first.
const (
	Newest Order = "newest" // by when they were sent; the empty order is this one
	Oldest Order = "oldest" // by when they were sent, the other way round
	// Relevance has messages first that have the words without operators in the
	// subject, then in subject, people and names of files, then as one phrase. It is
	// a matter of the message alone, so a page stays what it was while mail comes.
	Relevance Order = "relevance"
)

// ParseOrder reads an order; an empty text is [Newest]. It fails with kind Invalid.
func ParseOrder(text string) (Order, error) {
	switch o := Order(text); o {
	case "":
		return Newest, nil
	case Newest, Oldest, Relevance:
		return o, nil
	default:
		return "", fault.New(fault.Invalid, "there is no such order of results")
	}
}

// cursor is where a page ends.
type cursor struct {
	tier int // of the search's tiers
	at   projection.Place
}

// cursorVersion is raised when the meaning of a cursor changes.
const cursorVersion = 1

const cursorSize = 1 + 1 + 8 + 8

// text returns a cursor as text, bound to a search: no other takes it.
func (c cursor) text(s Session, r Request) string {
	b := []byte{cursorVersion, byte(c.tier)}
	b = binary.BigEndian.AppendUint64(b, uint64(c.at.Sent))
	b = binary.BigEndian.AppendUint64(b, uint64(c.at.Seq))
	return bookmark.Text(cursorLabel, b, boundTo(s, r)...)
}

const cursorLabel = "siegel/v1 search cursor"

// boundTo is who searches through which holder for what in which order.
func boundTo(s Session, r Request) [][]byte {
	tenant, who := s.Tenant().ID(), holder(s)
	return [][]byte{tenant[:], who[:], []byte(r.Order), []byte(r.Text)}
}

// parseCursor reads a cursor of a search; nil where it has none.
func parseCursor(s Session, r Request, tiers int) (*cursor, error) {
	if r.Cursor == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	b, ok := bookmark.Place(cursorLabel, r.Cursor, cursorSize, boundTo(s, r)...)
	if !ok || b[0] != cursorVersion || int(b[1]) >= max(1, tiers) {
		return nil, fault.Because(fault.Invalid, "this page of results belongs to another search; please search again", errCursor)
	}
	return &cursor{tier: int(b[1]), at: projection.Place{
		Sent: int64(binary.BigEndian.Uint64(b[2:])),
		Seq:  int64(binary.BigEndian.Uint64(b[10:])),
	}}, nil
}
