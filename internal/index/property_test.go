package index_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/app"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/textfold"
	"siegel/test/paper"
	"siegel/test/stand"
)

// sheet is a generated message: what it says, as the naive scan reads it.
type sheet struct {
	subject, from, to, cc, body string
	attached, file              string // text and name of its attachment; none where there is no name
	sent, arrived               time.Time
	size                        int64
	id                          mail.ID
	broken                      bool // its attachment, which says nothing then
}

func (p *sheet) octets() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Subject: %s\r\nFrom: %s\r\nTo: %s\r\nCc: %s\r\n", p.subject, p.from, p.to, p.cc)
	if !p.sent.IsZero() {
		fmt.Fprintf(&b, "Date: %s\r\n", p.sent.Format(time.RFC1123Z))
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	text := "Content-Type: text/plain; charset=utf-8\r\n\r\n" + p.body + "\r\n"
	if p.file == "" {
		b.WriteString(text)
	} else {
		kind, octets := p.attachment()
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n%s--x\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"+
			"Content-Disposition: attachment; filename=\"%s\"\r\n\r\n%s\r\n--x--\r\n", text, kind, p.file, base64.StdEncoding.EncodeToString(octets))
	}
	p.size = int64(b.Len())
	return []byte(b.String())
}

// formats are what attachments are: of the first the text is in the message's own
// record, the others are read by a program.
func formats() []string {
	return []string{"txt", "pdf", "docx", "xlsx", "pptx", "odt", "rtf", "html", "csv", "eml", "zip"}
}

// attachment returns media type and octets of the attachment: its text is all of what
// the file says, but for what files are called in others.
func (p *sheet) attachment() (kind string, octets []byte) {
	text := p.attached
	switch p.file[strings.LastIndex(p.file, ".")+1:] {
	case "txt":
		return "text/plain; charset=utf-8", []byte(text)
	case "html":
		return "text/html; charset=utf-8", []byte("<p>" + strings.ReplaceAll(text, " ", "</p><p>") + "</p>")
	case "pdf":
		return "application/pdf", paper.Pdf(text)
	case "docx":
		if p.broken {
			return octetStream, paper.Docx("x")[:80]
		}
		return octetStream, paper.Docx(text)
	case "xlsx":
		return octetStream, paper.Xlsx(text)
	case "pptx":
		return octetStream, paper.Pptx(text)
	case "odt":
		return octetStream, paper.Odt(text)
	case "rtf":
		return "application/rtf", paper.Rtf(text)
	case "csv":
		return octetStream, []byte(text)
	case "eml":
		return octetStream, parcel("", file{"", octetStream, paper.Rtf(text)})
	default:
		return "application/zip", paper.Zip(paper.Member{Name: "0.pdf", Octets: paper.Pdf(text)})
	}
}

// date is by when it is found.
func (p *sheet) date() time.Time {
	if p.sent.IsZero() || p.sent.After(p.arrived) {
		return p.arrived
	}
	return p.sent
}

func vocabulary() []string {
	return strings.Fields("alpha beta gamma Straße strasse Müller mueller muller schön schon Ärger x1 né")
}

func sentence(n int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(vocabulary()), 0, n), func(w []string) string { return strings.Join(w, " ") })
}

func sheets() *rapid.Generator[*sheet] {
	return rapid.Custom(func(t *rapid.T) *sheet {
		day := rapid.IntRange(0, 150)
		p := &sheet{
			subject: sentence(3).Draw(t, "subject"), from: sentence(2).Draw(t, "from") + " <a@x.example>", to: sentence(2).Draw(t, "to") + " <b@x.example>",
			cc: sentence(2).Draw(t, "cc"), body: sentence(8).Draw(t, "body"),
			arrived: time.Date(2026, 1, 1+day.Draw(t, "arrived"), 9, 0, 0, 0, time.UTC),
		}
		if rapid.Bool().Draw(t, "dated") {
			p.sent = time.Date(2026, 1, 1+day.Draw(t, "sent"), 8, 0, 0, 0, time.UTC)
		}
		if rapid.Bool().Draw(t, "attachment") {
			p.file, p.attached = rapid.SampledFrom(vocabulary()).Draw(t, "file")+"."+rapid.SampledFrom(formats()).Draw(t, "format"), sentence(4).Draw(t, "attached")
			if strings.HasSuffix(p.file, ".docx") && rapid.Bool().Draw(t, "broken") {
				p.broken, p.attached = true, ""
			}
		}
		return p
	})
}

// wish is a part of a search with what it means.
type wish struct {
	text  string
	holds func(p *sheet) bool
	words bool // it may stand beside OR
}

// has is the rule of package textfold, as naive as can be.
func has(text, words string, prefix bool) bool {
	one, other := textfold.Words(text)
	folded, _ := textfold.Query(words)
	main, alt, wanted := strings.Fields(one), strings.Fields(other), strings.Fields(folded)
	if other == "" {
		alt = main
	}
	for i := range len(main) - len(wanted) + 1 {
		all := true
		for k, w := range wanted {
			begins := prefix && k == len(wanted)-1 && (strings.HasPrefix(main[i+k], w) || strings.HasPrefix(alt[i+k], w))
			all = all && (main[i+k] == w || alt[i+k] == w || begins)
		}
		if all {
			return true
		}
	}
	return false
}

func wordWish() *rapid.Generator[wish] {
	places := map[string]func(p *sheet) []string{
		"":            func(p *sheet) []string { return []string{p.subject, p.from, p.to, p.cc, p.body, p.attached, p.file} },
		"subject:":    func(p *sheet) []string { return []string{p.subject} },
		"from:":       func(p *sheet) []string { return []string{p.from} },
		"to:":         func(p *sheet) []string { return []string{p.to} },
		"cc:":         func(p *sheet) []string { return []string{p.cc} },
		"body:":       func(p *sheet) []string { return []string{p.body} },
		"attachment:": func(p *sheet) []string { return []string{p.attached, p.file} },
		"filename:":   func(p *sheet) []string { return []string{p.file} },
	}
	return rapid.Custom(func(t *rapid.T) wish {
		operator := rapid.SampledFrom([]string{"", "", "", "subject:", "from:", "to:", "cc:", "body:", "attachment:", "filename:"}).Draw(t, "operator")
		words := rapid.SampledFrom(vocabulary()).Draw(t, "word")
		text, prefix := words, false
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			r := []rune(words)
			words, prefix = string(r[:min(2, len(r))]), true
			text = words + "*"
		case 1:
			words += " " + rapid.SampledFrom(vocabulary()).Draw(t, "second")
			text = `"` + words + `"`
		}
		return wish{operator + text, func(p *sheet) bool {
			return slices.ContainsFunc(places[operator](p), func(s string) bool { return has(s, words, prefix) })
		}, true}
	})
}

func conditionWish() *rapid.Generator[wish] {
	return rapid.Custom(func(t *rapid.T) wish {
		day := time.Date(2026, 1, 1+rapid.IntRange(0, 150).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		month := time.Date(2026, day.Month(), 1, 0, 0, 0, 0, time.UTC)
		size := int64(rapid.IntRange(150, 700).Draw(t, "size"))
		within := func(p *sheet, since, until time.Time) bool { return !p.date().Before(since) && p.date().Before(until) }
		return rapid.SampledFrom([]wish{
			{text: "before:" + day.Format(time.DateOnly), holds: func(p *sheet) bool { return p.date().Before(day) }},
			{text: "after:" + day.Format("02.01.2006"), holds: func(p *sheet) bool { return !p.date().Before(day) }},
			{text: "on:" + day.Format(time.DateOnly), holds: func(p *sheet) bool { return within(p, day, day.AddDate(0, 0, 1)) }},
			{text: "on:" + day.Format("2006-01"), holds: func(p *sheet) bool { return within(p, month, month.AddDate(0, 1, 0)) }},
			{text: "-on:" + day.Format("2006-01"), holds: func(p *sheet) bool { return !within(p, month, month.AddDate(0, 1, 0)) }},
			{text: fmt.Sprint("larger:", size), holds: func(p *sheet) bool { return p.size >= size }},
			{text: fmt.Sprint("smaller:", size), holds: func(p *sheet) bool { return p.size < size }},
			{text: "smaller:0.4k", holds: func(p *sheet) bool { return p.size < 410 }},
			{text: "has:attachment", holds: func(p *sheet) bool { return p.file != "" }},
			{text: "-has:attachment", holds: func(p *sheet) bool { return p.file == "" }},
			{text: "has:unreadable", holds: func(p *sheet) bool { return p.broken }},
			{text: "-has:unreadable", holds: func(p *sheet) bool { return !p.broken }},
			{text: "-has:waiting", holds: func(*sheet) bool { return true }},
		}).Draw(t, "condition")
	})
}

func wishes() *rapid.Generator[wish] {
	return rapid.Custom(func(t *rapid.T) wish {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return conditionWish().Draw(t, "condition")
		case 1:
			w := wordWish().Draw(t, "without")
			return wish{text: "-" + w.text, holds: func(p *sheet) bool { return !w.holds(p) }}
		case 2:
			list := rapid.SliceOfN(wordWish(), 2, 3).Draw(t, "alternatives")
			return wish{text: alternatives(t, list), holds: func(p *sheet) bool {
				return slices.ContainsFunc(list, func(w wish) bool { return w.holds(p) })
			}}
		case 3: // punctuation
			a, b := wordWish().Draw(t, "one"), wordWish().Draw(t, "other")
			return wish{text: "(" + a.text + " " + b.text + ")", holds: func(p *sheet) bool { return a.holds(p) && b.holds(p) }}
		}
		return wordWish().Draw(t, "word")
	})
}

// alternatives writes words with OR between them, with and without parentheses.
func alternatives(t *rapid.T, list []wish) string {
	var texts []string
	for _, w := range list {
		texts = append(texts, w.text)
	}
	all := strings.Join(texts, " OR ")
	return rapid.SampledFrom([]string{
		all, "(" + all + ")", "( " + all + " ),", "(" + strings.Join(texts[1:], " OR ") + ") OR " + texts[0], "(" + strings.Join(texts, ") OR (") + ")",
	}).Draw(t, "parentheses")
}

// paged returns everything that a search finds, taken in pages.
func paged(t *rapid.T, a *app.App, s *identity.Session, r index.Request) (ids []mail.ID) {
	for {
		got, err := a.Index.Search(t.Context(), s, r)
		if err != nil {
			t.Fatalf("%s: %v", r.Text, err)
		}
		if got.Pending != 0 || got.Damaged != 0 || len(got.Hits) > r.Limit || len(got.Hits) == 0 && r.Cursor != "" {
			t.Fatalf("%s: %+v", r.Text, got)
		}
		for _, h := range got.Hits {
			ids = append(ids, h.ID)
		}
		if r.Cursor = got.Next; r.Cursor == "" {
			if got.Total != len(ids) {
				t.Fatalf("%s: %d in pages, of %d", r.Text, len(ids), got.Total)
			}
			return ids
		}
	}
}

// EX-04: searches with all operators agree with a naive scan over the same messages,
// with attachments of every format,
// in every order and whatever the size of the pages; the order is that of the dates.
func TestSearchAgreesWithNaiveScan(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, extractor(true))
	defer func() { w.stop() }()
	stop := w.commit(a)
	byID := make(map[mail.ID]*sheet)
	whole := index.Lag{Indexed: 160}
	for i := range 160 {
		p := sheets().Example(i)
		p.body += fmt.Sprintf(" n%d", i) // no two are equal
		var err error
		if p.id, err = stand.Put(t.Context(), a, p.arrived, p.octets(), stand.Reader); err != nil {
			t.Fatal(err)
		}
		byID[p.id] = p
		if p.broken {
			whole.Unread++
		}
	}
	stop()
	if l := until(t, a, s); l != whole || l.Unread == 0 {
		t.Fatalf("%+v", l)
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(wishes(), 1, 4).Draw(t, "wishes")
		var texts []string
		for _, w := range list {
			texts = append(texts, w.text)
		}
		order := rapid.SampledFrom([]index.Order{index.Newest, index.Oldest, index.Relevance}).Draw(t, "order")
		r := index.Request{Text: strings.Join(texts, " "), Order: order, Limit: rapid.SampledFrom([]int{1, 7, 1000}).Draw(t, "limit")}
		if r.Limit == 1 {
			r.Text += " alpha" // not a hundred pages
			list = append(list, wish{"alpha", func(p *sheet) bool {
				return has(p.subject+" \n "+p.from+" \n "+p.to+" \n "+p.cc+" \n "+p.body+" \n "+p.attached+" \n "+p.file, "alpha", false)
			}, true})
		}
		got := paged(t, a, s, r)
		for i, id := range got[:max(0, len(got)-1)] {
			one, next := byID[id].date(), byID[got[i+1]].date()
			if order == index.Newest && one.Before(next) || order == index.Oldest && one.After(next) {
				t.Fatalf("%s: %v stands before %v", r.Text, one, next)
			}
		}
		var want []mail.ID
		for id, p := range byID {
			if !slices.ContainsFunc(list, func(w wish) bool { return !w.holds(p) }) {
				want = append(want, id)
			}
		}
		byOctets := func(a, b mail.ID) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(got, byOctets)
		slices.SortFunc(want, byOctets)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: found %d, the scan %d", r.Text, len(got), len(want))
		}
	})
}

// A page begins where the one before it ended, whatever has come since; a cursor is
// for its own search, order and holder.
func TestCursor(t *testing.T) {
	for order, pages := range map[index.Order][]string{
		index.Newest:    {"m5 m4", "m3 m2", "m1 m0", "old"},
		index.Oldest:    {"m0 m1", "m2 m3", "m4 m5", "new"},
		index.Relevance: {"m4 m2", "m0 old", "new m5", "m3 m1"}, // three and the old one have it in the subject
	} {
		t.Run(string(order), func(t *testing.T) {
			w := newWorld(t)
			a, s := w.open(stand.Keeper)
			defer func() { w.stop() }()
			defer w.commit(a)()
			day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
			put := func(name, subject string, month int, sent time.Time) {
				t.Helper()
				octets := fmt.Sprintf("Subject: %s\r\nDate: %s\r\n\r\nblue %s\r\n", subject, sent.Format(time.RFC1123Z), name)
				id, err := stand.Put(t.Context(), a, time.Date(2026, time.Month(month), 20, 0, 0, 0, 0, time.UTC), []byte(octets), stand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				w.ids[id.String()] = name
			}
			for i := range 6 { // arrived in three months, by turns
				put(fmt.Sprint("m", i), []string{"blue", "red"}[i%2], 2+i%3, day(10+i))
			}
			r := index.Request{Text: "blue", Order: order, Limit: 2}
			for page, want := range pages {
				got, err := a.Index.Search(t.Context(), s, r)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, h := range got.Hits {
					names = append(names, w.ids[h.ID.String()])
				}
				if strings.Join(names, " ") != want || (got.Next == "") != (page == len(pages)-1) {
					t.Errorf("page %d: %q, next %q, want %s", page, names, got.Next, want)
				}
				if r.Cursor = got.Next; page == 0 {
					w.refuses(a, s, r)
					put("new", "red", 7, day(30))
					put("old", "green blue", 1, day(1).AddDate(0, -1, 0))
				}
			}
		})
	}
}

// refuses takes a search with a cursor and checks that no other search takes it.
func (w *world) refuses(a *app.App, s *identity.Session, r index.Request) {
	w.t.Helper()
	reader, err := a.Identity.SignIn(w.t.Context(), stand.Tenant, stand.Reader, []byte(stand.Password))
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	if _, err := a.Index.Search(w.t.Context(), reader, r); fault.Of(err) != fault.Invalid {
		w.t.Errorf("another holder's cursor: %v", err)
	}
	other := map[index.Order]index.Order{index.Newest: index.Oldest, index.Oldest: index.Relevance, index.Relevance: index.Newest}
	for name, change := range map[string]func(*index.Request){
		"another search": func(r *index.Request) { r.Text = "Blue" },
		"another order":  func(r *index.Request) { r.Order = other[r.Order] },
		"cut":            func(r *index.Request) { r.Cursor = r.Cursor[4:] },
		"longer":         func(r *index.Request) { r.Cursor += "AAAA" },
		"zeros":          func(r *index.Request) { r.Cursor = strings.Repeat("A", len(r.Cursor)) },
		"no base64":      func(r *index.Request) { r.Cursor = "?" + r.Cursor[1:] },
	} {
		bad := r
		change(&bad)
		if _, err := a.Index.Search(w.t.Context(), s, bad); fault.Of(err) != fault.Invalid {
			w.t.Errorf("%s: %v", name, err)
		}
	}
}
