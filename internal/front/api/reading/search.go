package reading

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/front/file"
	"siegel/internal/index"
	"siegel/internal/index/snippet"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/plain"
	"siegel/internal/proto/document"
)

// patience is how long a search waits for mail that is not in the index yet; how much is
// missing is said.
const patience = 10 * time.Second

type searchIn struct {
	Q        string `query:"q" required:"true" minLength:"1" maxLength:"1000" example:"from:anna contract" doc:"The search, in the language of the search page: words, \"phrases\", prefix*, -not, one OR other, (one OR other) third, from: to: cc: subject: body: attachment: filename: before: after: on: larger: smaller: has:attachment has:unreadable has:waiting. It is kept in the audit trail, sealed to who holds the archive."`
	Case     string `query:"case" maxLength:"100" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"Id of a case that you were given: nothing else is searched. Missing for all that you can read."`
	Order    string `query:"order" enum:"newest,oldest,relevance" default:"newest" doc:"The order: by when messages were sent, or the best match first."`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many hits a page has at most."`
	Cursor   string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before, of the same search in the same order and case; missing for the first page."`
	Excerpts bool   `query:"excerpts" default:"false" doc:"Whether hits have the words around what was found: each is opened for it."`
}

type searchOut struct {
	Body struct {
		Items      []hit  `json:"items" maxItems:"100" doc:"The hits of this page."`
		Total      int    `json:"total" minimum:"0" doc:"Hits on all pages, as of now."`
		NextCursor string `json:"next_cursor,omitempty" maxLength:"100" doc:"Where the next page begins; missing where this is the last."`
		TookMillis int64  `json:"took_ms" minimum:"0" doc:"How long the search took, in milliseconds."`
		Lag        lag    `json:"index" doc:"How far the index is behind."`
	}
}

// around names a message, and where its conversation is looked for.
type around struct {
	operation.Named

	Case string `query:"case" maxLength:"100" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"Id of a case that you were given and in which the message is: nothing else is looked through. Missing for all that you can read."`
}

// lag is how far a session's index is behind.
type lag struct {
	Indexed int64 `json:"indexed" minimum:"0" doc:"Messages that are in the index."`
	Pending int64 `json:"pending" minimum:"0" doc:"Messages that are not yet, so that no search finds them."`
	Damaged int64 `json:"damaged" minimum:"0" doc:"Messages whose record in the index does not open: no search finds them."`
	Former  int64 `json:"former" minimum:"0" doc:"Messages sealed to a former key of the person, which her session does not reach."`
	Waiting int64 `json:"waiting" minimum:"0" doc:"Messages of the indexed whose attachments are not read yet: their own words are found, those of the attachments later."`
	Unread  int64 `json:"unread" minimum:"0" doc:"Messages of the indexed with an attachment that cannot be read."`
}

// Brief is what lists show of a message.
type Brief struct {
	ID         string    `json:"id" minLength:"32" maxLength:"32" doc:"The message's id."`
	Arrived    time.Time `json:"arrived" doc:"When it was archived."`
	Sent       time.Time `json:"sent" doc:"When it was sent, as it says itself; when it arrived where it says nothing."`
	From       string    `json:"from" doc:"Who it is from, decoded. Characters that cannot be seen or that turn the direction of what follows are shown as \uFFFD."`
	Subject    string    `json:"subject" doc:"The subject, decoded. Characters that cannot be seen or that turn the direction of what follows are shown as \uFFFD."`
	Size       int64     `json:"size" minimum:"0" doc:"Octets as received."`
	Opaque     bool      `json:"opaque" doc:"It is encrypted for somebody: nothing inside is found."`
	Attachment bool      `json:"attachment" doc:"It has an attachment."`
}

type hit struct {
	Brief

	Unread  bool     `json:"unread" doc:"No search finds the text of one of its attachments, or not all of it; has:unreadable finds such messages."`
	Waiting bool     `json:"waiting" doc:"One of its attachments was not read yet, or waits for a program that the server lacks; has:waiting finds such messages."`
	Excerpt *excerpt `json:"excerpt,omitempty" doc:"The words around what was found, where they were asked for."`
}

type excerpt struct {
	Subject  piece        `json:"subject" doc:"The whole subject."`
	Text     piece        `json:"text" doc:"The words around the first place, or how the body begins."`
	Attached bool         `json:"attached" doc:"The text is of an attachment."`
	Unread   []unreadFile `json:"unread" maxItems:"20" doc:"Attachments whose text no search finds, or not all of it."`
}

// unreadFile is an attachment of a hit that could not be read.
type unreadFile struct {
	Path string         `json:"path" maxLength:"1000" example:"2.1" doc:"It names the part, as in the message."`
	Name string         `json:"name" doc:"Name of the file, as in the message."`
	Why  document.State `json:"unread" enum:"encrypted,damaged,large,failed,unknown,lacking" doc:"Why, as in the message."`
}

// piece is a text with marked places.
type piece struct {
	Text  string `json:"text" doc:"One line; … where it was cut."`
	Marks []mark `json:"marks" doc:"What the search found, in order."`
}

type mark struct {
	At     int `json:"at" minimum:"0" doc:"How many characters stand before it."`
	Length int `json:"length" minimum:"1" doc:"How many characters it has."`
}

type conversationOut struct {
	Body struct {
		Items []member `json:"items" maxItems:"500" doc:"The messages in the order in which they were sent, but none before the one that it answers."`
		Cut   bool     `json:"cut" doc:"There are more than 500 messages: some are left out."`
		Lag   lag      `json:"index" doc:"How far the index is behind."`
	}
}

type member struct {
	Brief

	Answers string `json:"answers,omitempty" maxLength:"32" doc:"Id of the nearest message before it in the conversation; missing where there is none."`
	Depth   int    `json:"depth" minimum:"0" doc:"How many answers lead to it."`
}

type arrivalsIn struct {
	Since string `query:"since" format:"date" maxLength:"10" example:"2026-11-01" doc:"The first day, in UTC; missing for the first there is."`
	Until string `query:"until" format:"date" maxLength:"10" example:"2026-12-01" doc:"The day after the last, in UTC; missing for today included."`
}

type arrivalsOut struct {
	Body struct {
		Days     []arrived `json:"days" doc:"The days on which something arrived, in order."`
		Messages int64     `json:"messages" minimum:"0" doc:"All messages that the person can read."`
		Octets   int64     `json:"octets" minimum:"0" doc:"Their octets."`
		Lag      lag       `json:"index" doc:"How far the index is behind."`
	}
}

type arrived struct {
	Day      string `json:"day" format:"date" example:"2026-11-30" doc:"The day, in UTC."`
	Messages int64  `json:"messages" minimum:"0" doc:"Messages that arrived on it."`
	Octets   int64  `json:"octets" minimum:"0" doc:"Their octets."`
}

func (r *room) searching(tags []string) {
	operation.Register(r.Door, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/messages", Tags: tags, Summary: operation.Tell("Search"),
		Description: operation.Tell("Finds messages that the person can read. The audit trail has the search before you get anything. A case that was given after you signed in is reached by signing in again (401)."),
	}, operation.Kind{Errors: []int{http.StatusNotFound, http.StatusConflict}}, r.search)
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-conversation", Method: http.MethodGet, Path: "/messages/{id}/conversation", Tags: tags, Summary: operation.Tell("List the conversation of a message"),
		Description: operation.Tell("All messages that Message-ID, References and In-Reply-To join, as far as the person can read them. A subject joins nothing."),
	}, operation.Kind{Errors: []int{http.StatusConflict}}, r.conversation)
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-arrivals", Method: http.MethodGet, Path: "/arrivals", Tags: tags, Summary: operation.Tell("Count what arrived, by day"),
	}, operation.Kind{}, r.arrivals)
}

func briefOf(h index.Hit) Brief {
	return Brief{h.ID.String(), h.Arrived, h.Sent, plain.Shown(h.From), plain.Shown(h.Subject), h.Size, h.Opaque, h.Attachment}
}

func pieceOf(s snippet.Snippet) piece {
	p := piece{Text: s.Text, Marks: []mark{}}
	for _, m := range s.Marks {
		p.Marks = append(p.Marks, mark{m.At, m.Length})
	}
	return p
}

func excerptOf(e index.Excerpt) *excerpt {
	out := &excerpt{pieceOf(e.Subject), pieceOf(e.Text), e.Attached, []unreadFile{}}
	out.Subject.Text = plain.Shown(out.Subject.Text) // as many characters as before
	for _, u := range e.Unread {
		name, _ := file.PlainName(u.Name)
		out.Unread = append(out.Unread, unreadFile{u.Part, name, u.State})
	}
	return out
}

func (r *room) search(ctx context.Context, c *operation.Call, in *searchIn) (*searchOut, error) {
	if err := reads(c); err != nil {
		return nil, err
	}
	who, err := r.within(ctx, c, in.Case)
	if err != nil {
		return nil, err
	}
	res, err := r.Index.Search(ctx, who, index.Request{
		Text: in.Q, Order: index.Order(in.Order), Limit: in.Limit, Cursor: in.Cursor, Excerpts: in.Excerpts, Wait: index.Wait{Patience: patience},
	})
	if err != nil {
		return nil, err
	}
	out := new(searchOut)
	b := &out.Body
	b.Items, b.Total, b.NextCursor, b.TookMillis, b.Lag = []hit{}, res.Total, res.Next, res.Took.Milliseconds(), lag(res.Lag)
	for _, h := range res.Hits {
		one := hit{Brief: briefOf(h), Unread: h.Unread, Waiting: h.Waiting}
		if h.Excerpt != nil {
			one.Excerpt = excerptOf(*h.Excerpt)
		}
		b.Items = append(b.Items, one)
	}
	return out, nil
}

// within returns the session that searches: confined to a case where one is named.
func (r *room) within(ctx context.Context, c *operation.Call, name string) (index.Session, error) {
	if name == "" {
		return c.Visit, nil
	}
	id, err := operation.Named{ID: name}.Thing(fault.New(fault.NotFound, "there is no such case for you"))
	if err != nil {
		return nil, err
	}
	confined, _, err := r.Cases.Enter(ctx, c.Session, id)
	return confined, err
}

func (r *room) conversation(ctx context.Context, c *operation.Call, in *around) (*conversationOut, error) {
	id, err := in.Thing(noMessage())
	if err != nil {
		return nil, err
	}
	if err := reads(c); err != nil {
		return nil, noMessage() // as where he opens it
	}
	who, err := r.within(ctx, c, in.Case)
	if err != nil {
		return nil, err
	}
	list, err := r.Index.Conversation(ctx, who, id, index.Wait{Patience: patience})
	if fault.Of(err) == fault.NotFound {
		return nil, noMessage()
	}
	if err != nil {
		return nil, err
	}
	out := new(conversationOut)
	out.Body.Items, out.Body.Cut, out.Body.Lag = []member{}, list.Cut, lag(list.Lag)
	for _, m := range list.Messages {
		one := member{Brief: Brief{m.ID.String(), m.Arrived, m.Sent, plain.Shown(m.From), plain.Shown(m.Subject), m.Size, m.Opaque, m.Attachment}, Depth: m.Depth}
		if !m.Answers.IsZero() {
			one.Answers = m.Answers.String()
		}
		out.Body.Items = append(out.Body.Items, one)
	}
	return out, nil
}

func (r *room) arrivals(ctx context.Context, c *operation.Call, in *arrivalsIn) (*arrivalsOut, error) {
	if err := reads(c); err != nil {
		return nil, err
	}
	since, err := dayOf(in.Since)
	if err != nil {
		return nil, err
	}
	until, err := dayOf(in.Until)
	if err != nil {
		return nil, err
	}
	list, err := r.Index.Arrivals(ctx, c.Visit, since, until, index.Wait{Patience: patience})
	if err != nil {
		return nil, err
	}
	out := new(arrivalsOut)
	out.Body.Days, out.Body.Messages, out.Body.Octets, out.Body.Lag = []arrived{}, list.Messages, list.Octets, lag(list.Lag)
	for _, d := range list.Days {
		out.Body.Days = append(out.Body.Days, arrived{d.Day.Format(time.DateOnly), d.Messages, d.Octets})
	}
	return out, nil
}

// dayOf reads a day; the empty text is no bound.
func dayOf(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	return t, fault.Because(fault.Invalid, "this is no day such as 2026-11-30", err)
}
