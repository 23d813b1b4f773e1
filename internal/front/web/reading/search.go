package reading

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"siegel/internal/archive/casefile"
	"siegel/internal/front/web/page"
	"siegel/internal/index"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// pageSize is how many hits a page has.
const pageSize = 25

// searched is what the page of a search shows.
type searched struct {
	Query   string
	Order   index.Order
	Asked   bool
	Later   bool // a page behind the first
	Problem string
	Wrong   *misfit // where in the text it is
	Begun   string  // address of the search for words that begin as the last one does
	Result  *index.Result
	Chips   []chip
	Saved   []kept
	Kept    bool            // one of them has just been saved
	Case    *casefile.Case  // that it is confined to; nil for none
	Given   []casefile.Case // open ones, for who searches outside of them
	First   string          // address of the first page
	Next    string          // address of the next page, empty for none
	Others  bool            // mail of others is among what is found: an export takes a reason
	Once    mail.ID         // of an export that is begun from the page
}

// misfit is a search in three parts, of which the middle one is wrong.
type misfit struct{ Before, Part, After string }

// chip is a part of a search, and the search without it.
type chip struct {
	Text, Rest string
	Or         bool // the part before it may hold instead
}

func (r *room) search(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := searched{Query: strings.TrimSpace(q.Get("q")), Order: index.Order(q.Get("order")), Later: q.Get("cursor") != "", Kept: q.Get("saved") == "1"}
	// The reading pane beside the list shows messages with pictures of their own.
	c.Header().Set("Content-Security-Policy", policy(false))
	who, err := r.within(ctx, c, &out)
	if err != nil {
		return err
	}
	if out.Saved, err = r.kept(ctx, c); err != nil {
		return err
	}
	if out.Query == "" {
		return r.pages.Show(c, http.StatusOK, "search", c.Say("Search"), out)
	}
	out.Asked = true
	res, err := r.Index.Search(ctx, who, index.Request{
		Text: out.Query, Order: out.Order, Limit: pageSize, Cursor: q.Get("cursor"), Excerpts: true, Wait: index.Wait{Patience: patience},
	})
	if fault.Of(err) == fault.Invalid {
		out.Problem, out.Wrong = r.Explain(c.Lang, err), wrongIn(out.Query, err)
		return r.pages.Show(c, http.StatusUnprocessableEntity, "search", c.Say("Search"), out)
	}
	if err != nil {
		return err
	}
	out.Others, out.Once = c.Who.Unlocked().Holds(c.Who.Archive()), mail.NewID()
	out.Result, out.First = res, out.address(out.Query, "")
	if res.Next != "" {
		out.Next = out.address(out.Query, res.Next)
	}
	if res.Total == 0 && plainEnd(out.Query) {
		out.Begun = out.address(out.Query+"*", "")
	}
	chips, err := query.Chips(out.Query)
	if err != nil {
		return err
	}
	for _, one := range chips[:min(len(chips), maxChips)] {
		if len(chips) > 1 {
			runes := []rune(out.Query)
			out.Chips = append(out.Chips, chip{Text: string(runes[one.At-1 : one.At-1+one.Length]), Rest: out.address(one.Rest, ""), Or: one.Or})
		}
	}
	return r.pages.Show(c, http.StatusOK, "search", c.Say("%s: search", out.Query), out)
}

const maxChips = 20

// wrongIn returns where a search is wrong, nil where that is no one part of it.
func wrongIn(text string, err error) *misfit {
	var e *query.Error
	runes := []rune(text)
	if !errors.As(err, &e) || e.Length == 0 || e.At < 1 || e.At-1+e.Length > len(runes) {
		return nil
	}
	begin, end := e.At-1, e.At-1+e.Length
	return &misfit{string(runes[:begin]), string(runes[begin:end]), string(runes[end:])}
}

// plainEnd reports whether a search ends with a word of its own, which may be half typed.
func plainEnd(text string) bool {
	words := strings.Fields(text)
	last := words[len(words)-1]
	return strings.Count(text, `"`)%2 == 0 && strings.IndexFunc(last, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) < 0
}

// within returns the session that searches: confined to a case where the page is.
func (r *room) within(ctx context.Context, c *page.Call, out *searched) (index.Session, error) {
	name := c.R.URL.Query().Get("case")
	if name == "" {
		var err error
		out.Given, err = r.Cases.Mine(ctx, c.Who.Session)
		return c.Who, err
	}
	id, err := mail.ParseID(name)
	if err != nil {
		return nil, fault.New(fault.NotFound, "there is no such case for you")
	}
	within, one, err := r.Cases.Enter(ctx, c.Who.Session, id)
	if err != nil {
		return nil, err
	}
	out.Case = &one
	return within, nil
}

// address returns that of a page of results, which holds all there is to its state.
func (s searched) address(text, cursor string) string {
	v := url.Values{"q": {text}}
	if s.Order != "" {
		v.Set("order", string(s.Order))
	}
	if s.Case != nil {
		v.Set("case", s.Case.ID.String())
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return "/search?" + v.Encode()
}

// Having is the address of the search for messages whose attachments are in a state.
func (s searched) Having(state string) string { return s.address("has:"+state, "") }

// Took is how long the search took, in milliseconds.
func (s searched) Took() int64 { return s.Result.Took.Milliseconds() }
