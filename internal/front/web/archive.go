package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// pageSize is how many hits a page has.
const pageSize = 50

// started is what the first page shows.
type started struct {
	Rows     []shownRow
	Messages int64 // of who reads mail
	Octets   int64
	Worst    string // state of the worst row
}

type shownRow struct{ Name, State, What, Remedy string }

func (d *Door) start(ctx context.Context, c *call) error {
	out := started{Worst: "ok"}
	if c.who.Account().Role != identity.Administrator {
		m, err := d.Index.Measure(ctx, c.who, index.Range{Before: time.Now().Add(time.Hour)})
		if err != nil {
			return err
		}
		out.Messages, out.Octets = m.Messages, m.Octets
	}
	if c.who.Account().Role == identity.Reader {
		return d.show(c, http.StatusOK, "start", c.say("Start"), out)
	}
	for _, row := range d.State(ctx) {
		r := shownRow{Name: row.Name, State: row.State, What: d.texts.Say(c.lang, row.What.Text, row.What.Args...)}
		if row.Remedy.Text != "" {
			r.Remedy = d.texts.Say(c.lang, row.Remedy.Text, row.Remedy.Args...)
		}
		if row.State == "bad" || row.State == "warn" && out.Worst == "ok" {
			out.Worst = row.State
		}
		out.Rows = append(out.Rows, r)
	}
	return d.show(c, http.StatusOK, "start", c.say("Start"), out)
}

// patience is how long a search waits for mail that is not in the index yet; how much is
// missing is said.
const patience = 10 * time.Second

// searched is what the page of a search shows.
type searched struct {
	Query   string
	Order   index.Order
	Asked   bool
	Later   bool // a page behind the first
	Problem string
	Result  *index.Result
	Chips   []chip
	Next    string // address of the next page, empty for none
}

// chip is a part of a search, and the search without it.
type chip struct{ Text, Rest string }

func (d *Door) search(ctx context.Context, c *call) error {
	if c.who.Account().Role == identity.Administrator {
		return fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
	}
	q := c.r.URL.Query()
	out := searched{Query: strings.TrimSpace(q.Get("q")), Order: index.Order(q.Get("order")), Later: q.Get("cursor") != ""}
	if out.Query == "" {
		return d.show(c, http.StatusOK, "search", c.say("Search"), out)
	}
	out.Asked = true
	res, err := d.Index.Search(ctx, c.who, index.Request{
		Text: out.Query, Order: out.Order, Limit: pageSize, Cursor: q.Get("cursor"), Excerpts: true, Wait: index.Wait{Patience: patience},
	})
	if fault.Of(err) == fault.Invalid {
		out.Problem = d.explain(c.lang, err)
		return d.show(c, http.StatusUnprocessableEntity, "search", c.say("Search"), out)
	}
	if err != nil {
		return err
	}
	out.Result = res
	address := func(text, cursor string) string {
		v := url.Values{"q": {text}}
		if out.Order != "" {
			v.Set("order", string(out.Order))
		}
		if cursor != "" {
			v.Set("cursor", cursor)
		}
		return "/search?" + v.Encode()
	}
	if res.Next != "" {
		out.Next = address(out.Query, res.Next)
	}
	chips, err := query.Chips(out.Query)
	if err != nil {
		return err
	}
	for _, one := range chips[:min(len(chips), maxChips)] {
		if len(chips) > 1 {
			runes := []rune(out.Query)
			out.Chips = append(out.Chips, chip{Text: string(runes[one.At-1 : one.At-1+one.Length]), Rest: address(one.Rest, "")})
		}
	}
	return d.show(c, http.StatusOK, "search", c.say("%s: search", out.Query), out)
}

const maxChips = 20

// Took is how long the search took, for people.
func (s searched) Took() string { return fmt.Sprintf("%d ms", s.Result.Took.Milliseconds()) }

// read is what the page of a message shows.
type read struct {
	ID        mail.ID
	Asks      bool // a reason is needed
	Problem   string
	Reason    string
	Subject   string
	Sent      time.Time
	Arrived   time.Time
	Size      int64
	SHA256    string
	Fields    []header.Field // of who and whom
	All       []header.Field
	Text      string
	Cut       bool
	Opaque    bool
	Attached  []attached
	Truncated bool
	Frame     template.HTMLAttr // of the message as HTML; empty where it has none
	Remote    int               // pictures from elsewhere that were not loaded
	Loaded    bool              // they were asked for
	Odd       []string          // hosts of links that are not what they seem
}

type attached struct {
	Name, Type string
	Size       int64
}

// opens opens the message of a request, with the reason of its form.
func (d *Door) opens(ctx context.Context, c *call) (*archive.Message, mail.ID, string, error) {
	id, err := mail.ParseID(c.r.PathValue("id"))
	if err != nil {
		return nil, id, "", fault.New(fault.NotFound, "there is no such message for you")
	}
	if err := c.r.ParseForm(); err != nil {
		return nil, id, "", errForm(err)
	}
	reason := strings.TrimSpace(c.r.PostForm.Get("reason"))
	m, err := d.Archive.Show(ctx, c.who, id, reason)
	return m, id, reason, err
}

// limits of what a page shows of a message.
func limits() mime.Limits { return mime.Limits{Header: 64 << 10, Parts: 1000, Text: 1 << 20} }

func (d *Door) message(ctx context.Context, c *call) (err error) {
	m, id, reason, err := d.opens(ctx, c)
	if fault.Of(err) == fault.Invalid {
		out := read{ID: id, Asks: true, Reason: reason}
		status := http.StatusOK
		if c.r.Method == http.MethodPost {
			out.Problem, status = d.explain(c.lang, err), http.StatusUnprocessableEntity
		}
		return d.show(c, status, "message", c.say("A reason is needed"), out)
	}
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	parts := newRich()
	parsed, err := mime.Read(m, limits(), parts.visit)
	if err != nil {
		return err
	}
	out := view(parsed, m, reason)
	out.Loaded = c.r.PostForm.Get("remote") == "yes"
	frame, found := parts.frame(out.Loaded)
	out.Frame, out.Cut = frame, out.Cut || found.Cut
	if !out.Loaded {
		out.Remote = found.Remote
	}
	for _, l := range found.Links {
		if l.Odd && !slices.Contains(out.Odd, l.Host) && len(out.Odd) < maxOdd {
			out.Odd = append(out.Odd, l.Host)
		}
	}
	// The frame takes the policy of the page that it is in.
	pictures := "'self' data:"
	if out.Loaded {
		pictures += " https: http:"
	}
	c.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src "+pictures+"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	return d.show(c, http.StatusOK, "message", title{text: subject(parsed)}, out)
}

// maxOdd is how many hosts are named that are not what they seem.
const maxOdd = 10

// subject is that of a message, or what stands for it.
func subject(m *mime.Message) string { return strings.TrimSpace(header.Get(m.Fields, "Subject")) }

// view is what is shown of a message.
func view(p *mime.Message, m *archive.Message, reason string) read {
	out := read{
		ID: m.ID, Reason: reason, Subject: subject(p), Arrived: mail.FromMicros(m.Arrived), Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]),
		All: p.Fields, Text: p.Text(), Opaque: p.Opaque(), Truncated: p.Truncated,
	}
	if sent, ok := p.Date(); ok {
		out.Sent = sent
	}
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Date"} {
		for _, f := range p.Fields {
			if f.Is(name) {
				out.Fields = append(out.Fields, f)
			}
		}
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		out.Cut = out.Cut || part.Cut
		if part.IsAttachment() {
			out.Attached = append(out.Attached, attached{Name: part.FileName, Type: part.Type, Size: part.Size})
		}
	}
	return out
}

// eml sends a message as it was received. A form asks for it, so that no link does.
func (d *Door) eml(ctx context.Context, c *call) error {
	m, id, _, err := d.opens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	c.Header().Set("Content-Type", "message/rfc822")
	c.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.eml"`)
	c.Header().Set("Content-Length", strconv.FormatInt(m.Size, 10))
	c.Header().Set("Content-Security-Policy", "sandbox")
	if _, err := io.Copy(c, m); err != nil {
		d.Log.Error("a message broke off", "error", err)
		panic(http.ErrAbortHandler) // the browser must not take the rest for the whole
	}
	return nil
}
