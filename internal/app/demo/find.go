package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// reason is why the keeper opens mail that is not hers.
const reason = "demonstration"

// search finds every message by words of its own and compares the octets that
// come back with those that were sent.
func (d *demo) search(ctx context.Context, s *identity.Session, list []*message) error {
	bar := d.bar("Searching", len(list))
	for _, m := range list {
		if m.id == "" {
			bar.step(0)
			continue
		}
		b, err := m.read()
		if err != nil {
			return err
		}
		found, err := d.find(ctx, s, query(b), m.id)
		if err != nil {
			return err
		}
		if !found { // its words are not searchable: it has none, or they are opaque
			if found, err = d.find(ctx, s, "after:1900", m.id); err != nil {
				return err
			}
		}
		same, err := d.same(ctx, s, m)
		if err != nil {
			return err
		}
		if found && same {
			d.sum.Searched++
			d.suggest(m, b)
		}
		bar.step(m.size)
	}
	bar.end()
	return nil
}

// suggest remembers a word that the reader finds.
func (d *demo) suggest(m *message, b []byte) {
	if d.word != "" || m.to != "reader@"+domain {
		return
	}
	read, err := mime.Read(bytes.NewReader(b), mime.Limits{Text: 1}, nil)
	if err != nil {
		return
	}
	for _, w := range strings.Fields(plainWords(header.Get(read.Fields, "Subject"), 6)) {
		if len(w) > 4 && len(w) < 16 {
			d.word = strings.ToLower(w)
			return
		}
	}
}

// find pages through the hits of a query until the message is among them.
func (d *demo) find(ctx context.Context, s *identity.Session, q, id string) (bool, error) {
	for page := (index.Request{Text: q, Limit: index.MaxPage}); ; {
		r, err := d.app.Index.Search(ctx, s, page)
		if err != nil {
			return false, err
		}
		for _, h := range r.Hits {
			if h.ID.String() == id {
				return true, nil
			}
		}
		if page.Cursor = r.Next; page.Cursor == "" {
			return false, nil
		}
	}
}

// query makes a search of a message's subject and sender.
func query(b []byte) string {
	m, err := mime.Read(bytes.NewReader(b), mime.Limits{Text: 4096}, nil)
	if err != nil {
		return "after:1900"
	}
	var terms []string
	if words := plainWords(header.Get(m.Fields, "Subject"), 6); words != "" {
		terms = append(terms, `subject:"`+words+`"`)
	}
	if list := header.Addresses(m.Fields, "From"); len(list) > 0 {
		if words := plainWords(list[0], 8); words != "" {
			terms = append(terms, `from:"`+words+`"`)
		}
	}
	if len(terms) == 0 {
		if words := plainWords(m.Text(), 5); words != "" {
			terms = append(terms, `"`+words+`"`)
		}
	}
	if len(terms) == 0 {
		return "after:1900"
	}
	return strings.Join(terms, " ")
}

// plainWords returns the first words of ASCII letters and digits, so that the
// query does not depend on how other letters are folded.
func plainWords(text string, n int) string {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r < 0x80
	})
	var out []string
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return r >= 0x80 }) || len(out) == n {
			break
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

// same opens a message as the keeper and compares it with what was sent.
func (d *demo) same(ctx context.Context, s *identity.Session, m *message) (bool, error) {
	id, err := mail.ParseID(m.id)
	if err != nil {
		return false, err
	}
	shown, err := d.app.Archive.Show(ctx, s, id, reason)
	if err != nil {
		return false, err
	}
	h := sha256.New()
	_, err = io.Copy(h, shown)
	if err := errors.Join(err, shown.Close()); err != nil {
		return false, err
	}
	return [32]byte(h.Sum(nil)) == m.sum && shown.SHA256 == m.sum, nil
}

// shownLines is how much of a message the demo prints.
const shownLines = 12

// show opens one message as the keeper and prints how it begins.
func (d *demo) show(ctx context.Context, s *identity.Session, list []*message) error {
	for _, m := range list {
		id, err := mail.ParseID(m.id)
		if err != nil {
			continue // it was refused
		}
		shown, err := d.app.Archive.Show(ctx, s, id, reason)
		if err != nil {
			return err
		}
		octets, err := io.ReadAll(shown)
		if err := errors.Join(err, shown.Close()); err != nil {
			return err
		}
		d.tell("One of the messages, as it came back (SHA-256 %x):", shown.SHA256)
		for i, line := range strings.SplitN(string(octets), "\n", shownLines+1) {
			if i < shownLines {
				d.plain("    | %s", printable(line))
			}
		}
		return nil
	}
	return nil
}

// printable cuts a line and drops what could move the cursor.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	if r := []rune(line); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return line
}
