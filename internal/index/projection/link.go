package projection

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"

	"siegel/internal/index/record"
	"siegel/internal/mail"
)

// Links are hashes of the identifiers by which a message hangs in its conversation:
// its own, or 0 where it has none, then its ancestors, the nearest first. A
// conversation joins what has one of them in common.
type Links []int64

// hash is 63 bits of an identifier's SHA-256, never 0: two of them meet by chance
// among ten million with a probability of one in a hundred thousand.
func hash(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.BigEndian.Uint64(sum[:])>>1) | 1
}

// brief is what of a hash index_link has: it takes three octets, and of 10,000 messages none
// or one more is found than has the whole.
func brief(hash int64) int64 { return hash & (1<<23 - 1) }

// linksTo returns those of a record. RFC 5322 section 3.6.4: the last of References is
// the parent, which In-Reply-To names too; where References are missing it names it
// alone.
func linksTo(r record.Record) Links {
	if r.ID == "" && len(r.References)+len(r.Reply) == 0 {
		return nil
	}
	list := Links{0}
	if r.ID != "" {
		list[0] = hash(r.ID)
	}
	seen := map[int64]bool{list[0]: true}
	add := func(id string) {
		if h := hash(id); !seen[h] {
			seen[h] = true
			list = append(list, h)
		}
	}
	for i := len(r.References) - 1; i >= 0; i-- {
		add(r.References[i])
	}
	for _, id := range r.Reply {
		add(id)
	}
	return list
}

// Own is the hash of the message's own identifier, 0 where it has none.
func (l Links) Own() int64 {
	if len(l) == 0 {
		return 0
	}
	return l[0]
}

// shared are the links without the place of an identifier that is missing.
func (l Links) shared() Links {
	if l.Own() == 0 {
		return l[min(1, len(l)):]
	}
	return l
}

func (l Links) octets() []byte {
	var b []byte
	for _, h := range l {
		b = binary.BigEndian.AppendUint64(b, uint64(h))
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

func linksOf(b []byte) (l Links) {
	for ; len(b) >= 8; b = b[8:] {
		l = append(l, int64(binary.BigEndian.Uint64(b)))
	}
	return l
}

// Linked is a message with its links.
type Linked struct {
	Doc
	Links           Links
	Subject, Sender string
}

// One returns a message; false where the projection does not have it, or not its
// record.
func (f *File) One(ctx context.Context, message mail.ID) (l Linked, ok bool, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	rows, err := f.sql.Read.QueryContext(ctx, `SELECT s.text, f.text, links, `+docColumns+`
		FROM index_doc d JOIN index_text s ON s.id = d.subject JOIN index_text f ON f.id = d.sender
		WHERE substr(message, 1, 3) = substr($1, 1, 3) AND message = $1`, message.Bytes())
	if err != nil {
		return l, false, err
	}
	list, err := f.linked(rows)
	if err != nil || len(list) == 0 {
		return l, false, err
	}
	return list[0], true, nil
}

// linkBatch is how many hashes are asked for at once.
const linkBatch = 200

// With returns messages that have one of some links, at most limit for each batch
// of them, in no order.
func (f *File) With(ctx context.Context, links Links, limit int) (all []Linked, err error) {
	defer f.note(&err)
	links = slices.DeleteFunc(slices.Clone(links), func(h int64) bool { return h == 0 })
	wanted := make(map[int64]bool)
	for len(links) > 0 {
		n := min(linkBatch, len(links))
		var args []any
		for _, h := range links[:n] {
			args = append(args, brief(h))
			wanted[h] = true
		}
		links = links[n:]
		args = append(args, limit)
		// no tenant: a projection is one holder's file
		rows, err := f.sql.Read.QueryContext(ctx, `SELECT s.text, f.text, links, `+docColumns+`
			FROM index_doc d JOIN index_text s ON s.id = d.subject JOIN index_text f ON f.id = d.sender
			WHERE d.place IN (SELECT place FROM index_link WHERE hash IN (`+placeholders(1, n)+`) LIMIT `+placeholders(n+1, 1)+`)`, args...)
		if err != nil {
			return nil, err
		}
		list, err := f.linked(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(list, func(l Linked) bool {
			return !slices.ContainsFunc(l.Links, func(h int64) bool { return wanted[h] })
		})...)
	}
	return all, nil
}

func (f *File) linked(rows *sql.Rows) (list []Linked, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var l Linked
		var octets []byte
		if l.Doc, err = f.doc(rows, []any{&l.Subject, &l.Sender, &octets}); err != nil {
			return nil, err
		}
		l.Links = linksOf(octets)
		list = append(list, l)
	}
	return list, rows.Err()
}
