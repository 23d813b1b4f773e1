package index_test

import (
	"strings"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index"
	"siegel/internal/index/snippet"
	"siegel/test/stand"
)

// bracketed writes marks as brackets.
func bracketed(list []snippet.Piece) string {
	var b strings.Builder
	for _, p := range list {
		if p.Marked {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// What is shown of a hit has the words that were found, marked, as text; the search
// is one event of the audit log however many hits were opened for it.
func TestExcerpts(t *testing.T) {
	w := newWorld(t)
	w.deliver(messages())
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	for text, want := range map[string]struct {
		subject, text string
		attached      bool
	}{
		"strasse uebermorgen":  {"[Straße] nach Köln", "Die große Lösung für [Übermorgen].", false},
		"figures":              {"newsletter", "Quarterly [figures]", false},
		"from:a subject:plan*": {"[plans]", "see below", false},
	} {
		r, err := a.Index.Search(t.Context(), s, index.Request{Text: text, Excerpts: true})
		if err != nil || len(r.Hits) != 1 || r.Hits[0].Excerpt == nil {
			t.Errorf("%s: %+v, %v", text, r, err)
			continue
		}
		e := r.Hits[0].Excerpt
		if got := bracketed(e.Subject.Pieces()); got != want.subject {
			t.Errorf("%s: subject %q", text, got)
		}
		if got := bracketed(e.Text.Pieces()); got != want.text || e.Attached != want.attached {
			t.Errorf("%s: text %q, attached %v", text, got, e.Attached)
		}
	}
	stop := w.commit(a)
	_, err := stand.Put(t.Context(), a, time.Now(), []byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody\r\n--b\r\n"+
		"Content-Type: text/html\r\nContent-Disposition: attachment; filename=a.html\r\n\r\n<p>the <b>hidden</b> clause</p>\r\n--b--\r\n"), stand.Reader)
	stop()
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "attachment:hidden", Excerpts: true})
	if err != nil || len(r.Hits) != 1 || !r.Hits[0].Attachment || !r.Hits[0].Excerpt.Attached || bracketed(r.Hits[0].Excerpt.Text.Pieces()) != "the [hidden] clause" {
		t.Errorf("of an attachment: %+v, %v", r, err)
	}
	searches, opened := 0, 0
	err = a.Trail.List(t.Context(), s.Tenant(), s.Unlocked(), 1000, func(e audit.Entry) error {
		switch e.What {
		case "search":
			searches++
		case "message.open":
			opened++
		}
		return nil
	})
	if err != nil || searches != 4 || opened != 0 {
		t.Errorf("%d searches, %d openings, %v", searches, opened, err)
	}
}
