package office

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"siegel/internal/archive/casefile"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// listedCases is what the page of all cases shows.
type listedCases struct {
	Open, Ended []shownCase
	Keeper      bool
	Form        caseForm
	Problem     page.Problem
}

// caseForm is the form of a new case.
type caseForm struct{ Email, Name, Search, Reason, Until string }

// shownCase is a case with who it is for.
type shownCase struct {
	casefile.Case

	Email string
	Mine  bool
}

// called fills in who a case is for, as far as who looks may know.
func (r *room) called(ctx context.Context, c *page.Call, list []casefile.Case) (out []shownCase, err error) {
	names, err := r.Cases.Names(ctx, c.Who.Session)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		out = append(out, shownCase{one, names[one.Person].String(), one.Person == c.Who.Person()})
	}
	return out, nil
}

func (r *room) cases(ctx context.Context, c *page.Call) error {
	return r.listCases(ctx, c, listedCases{})
}

func (r *room) listCases(ctx context.Context, c *page.Call, out listedCases) error {
	list, err := r.Cases.List(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	if len(list) == 0 && c.Role() == identity.Administrator { // who was a reader before may have had some
		return r.Elsewhere(c)
	}
	all, err := r.called(ctx, c, list)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Case.Open(r.Now()) {
			out.Open = append(out.Open, one)
		} else {
			out.Ended = append(out.Ended, one)
		}
	}
	out.Keeper = c.Role() == identity.Keeper
	status := http.StatusOK
	if out.Problem.Text != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "cases", c.Say("Cases"), out)
}

// fillFor is how long one step of filling a case takes.
const fillFor = 10 * time.Second

func (r *room) giveCase(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	f := caseForm{c.Field("email"), c.Field("name"), c.Field("search"), c.Field("reason"), c.Field("until")}
	until, err := time.ParseInLocation(time.DateOnly, f.Until, c.Zone)
	if err != nil {
		err = fault.At("until", fault.New(fault.Invalid, "the last day of a case is today or later"))
	}
	var made casefile.Case
	if err == nil {
		made, err = r.Cases.Give(ctx, c.Who.Session, casefile.Wanted{
			Email: mail.NewAddress(f.Email), Until: until.AddDate(0, 0, 1), // the whole day
			Content: casefile.Content{Name: f.Name, Search: f.Search, Reason: f.Reason},
		})
	}
	switch kind := fault.Of(err); {
	case err == nil:
		c.See("/cases/" + made.ID.String() + "?fill=1")
		return nil
	case kind == fault.Invalid || kind == fault.NotFound || kind == fault.Conflict:
		return r.listCases(ctx, c, listedCases{Form: f, Problem: r.Problem(c, err, "name", "email", "search", "until", "reason")})
	}
	return err
}

// caseOf reads which case a page is about.
func (r *room) caseOf(ctx context.Context, c *page.Call) (casefile.Case, error) {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return casefile.Case{}, fault.New(fault.NotFound, "there is no such case for you")
	}
	return r.Cases.Get(ctx, c.Who.Session, id)
}

// oneCase is what the page of a case shows.
type oneCase struct {
	shownCase

	Keeper, Runs, Fills bool
	From                string // where filling goes on
	Problem             string
}

func (r *room) showCase(ctx context.Context, c *page.Call) error { return r.caseWith(ctx, c, "") }

func (r *room) caseWith(ctx context.Context, c *page.Call, problem string) error {
	one, err := r.caseOf(ctx, c)
	if err != nil {
		return err
	}
	list, err := r.called(ctx, c, []casefile.Case{one})
	if err != nil {
		return err
	}
	out := oneCase{shownCase: list[0], Keeper: c.Role() == identity.Keeper, Runs: one.Open(r.Now()), From: c.R.URL.Query().Get("from"), Problem: problem}
	out.Fills = out.Keeper && out.Runs && !one.Whole && c.R.URL.Query().Get("fill") != "" && problem == ""
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "case", page.As(one.Name), out)
}

// fillCase goes on to seal what the search finds to the case, for some seconds.
func (r *room) fillCase(ctx context.Context, c *page.Call) error {
	one, err := r.caseOf(ctx, c)
	if err != nil {
		return err
	}
	if _, err := c.Form(); err != nil {
		return err
	}
	next, err := r.Cases.Fill(ctx, c.Who.Session, one.ID, c.Field("from"), fillFor)
	if kind := fault.Of(err); kind == fault.Conflict || kind == fault.Invalid || kind == fault.Locked {
		return r.caseWith(ctx, c, r.Explain(c.Lang, err))
	}
	if err != nil {
		return err
	}
	to := "/cases/" + one.ID.String()
	if next != "" {
		to += "?" + url.Values{"fill": {"1"}, "from": {next}}.Encode()
	}
	c.See(to)
	return nil
}

func (r *room) endCase(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	one, err := r.caseOf(ctx, c)
	if err != nil {
		return err
	}
	if err = errTyped(one.Name); one.Sealed || c.Field("typed") == one.Name {
		err = r.Cases.End(ctx, c.Who.Session, one.ID)
	}
	if kind := fault.Of(err); kind == fault.Conflict || kind == fault.Invalid {
		return r.caseWith(ctx, c, r.Explain(c.Lang, err))
	}
	if err != nil {
		return err
	}
	c.See("/cases")
	return nil
}
