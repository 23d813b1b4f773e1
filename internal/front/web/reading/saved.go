package reading

import (
	"context"

	"siegel/internal/front/web/page"
	"siegel/internal/index"
	"siegel/internal/index/saved"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// kept is a saved search as it is listed.
type kept struct {
	saved.Search

	Address string
}

// kept lists the saved searches of who asks.
func (r *room) kept(ctx context.Context, c *page.Call) (list []kept, err error) {
	all, err := r.Saved.List(ctx, c.Who)
	for _, s := range all {
		list = append(list, kept{s, searched{Order: s.Order}.address(s.Text, "")})
	}
	return list, err
}

// keep saves a search, sealed to who saves it.
func (r *room) keep(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	n := saved.Search{Name: c.Field("name"), Text: c.Field("q"), Order: index.Order(c.Field("order"))}
	n, err := r.Saved.Keep(ctx, c.Who, n)
	if err != nil {
		return err
	}
	c.See(searched{Order: n.Order}.address(n.Text, "") + "&saved=1")
	return nil
}

// forget deletes a saved search.
func (r *room) forget(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "there is no such saved search")
	}
	if err := r.Saved.Delete(ctx, c.Who, id); err != nil {
		return err
	}
	c.See("/search")
	return nil
}
