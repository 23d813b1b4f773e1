package reading

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
)

// pageSize is how many hits a page has.
const pageSize = 50

// patience is how long a search waits for mail that is not in the index yet; how much is
// missing is sair.
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

func (r *room) search(ctx context.Context, c *page.Call) error {
	if c.Who.Account().Role == identity.Administrator {
		return fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
	}
	q := c.R.URL.Query()
	out := searched{Query: strings.TrimSpace(q.Get("q")), Order: index.Order(q.Get("order")), Later: q.Get("cursor") != ""}
	if out.Query == "" {
		return r.pages.Show(c, http.StatusOK, "search", c.Say("Search"), out)
	}
	out.Asked = true
	res, err := r.Index.Search(ctx, c.Who, index.Request{
		Text: out.Query, Order: out.Order, Limit: pageSize, Cursor: q.Get("cursor"), Excerpts: true, Wait: index.Wait{Patience: patience},
	})
	if fault.Of(err) == fault.Invalid {
		out.Problem = r.Explain(c.Lang, err)
		return r.pages.Show(c, http.StatusUnprocessableEntity, "search", c.Say("Search"), out)
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
	return r.pages.Show(c, http.StatusOK, "search", c.Say("%s: search", out.Query), out)
}

const maxChips = 20

// Took is how long the search took, for people.
func (s searched) Took() string { return fmt.Sprintf("%d ms", s.Result.Took.Milliseconds()) }
