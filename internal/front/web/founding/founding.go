// Package founding has the pages of the founding ceremony, for whom the operator has given
// a code: what a tenant is, its recovery kit, and the invitations of its people.
package founding

import (
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"siegel/internal/front"
	"siegel/internal/front/file"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/identity/ceremony"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/canonical"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

// Deps are the rooms that these pages reach.
type Deps struct {
	Ceremony *ceremony.Room
	URL      string // how people reach the pages from outside; empty for the address itself
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages}
	mux.Handle("GET /found", f.Open(r.begin))
	mux.Handle("POST /found", f.Open(r.step))
	mux.Handle("POST /found/kit", f.Open(r.kit))
	return nil
}

// plan is what the forms of the ceremony carry on.
type plan struct {
	Code                                                      string
	Name, Domains, Administrators, Keepers, Auditors, Readers string
	Problem                                                   page.Problem

	Kit   identity.Kit // of the second step
	File  string       // of the kit, in base64
	Words []string     // of the kit, to be written down

	First, Second string // words that were typed back, which only the answer to the form repeats
	Saved         bool   // the file is said to be saved

	Invitations []invited // of the last
}

// Strangers are the people of the plan whose domain is none of the tenant's.
func (p plan) Strangers() []mail.Address { return p.founding().Strangers() }

// invited is a person with the link that makes her one.
type invited struct {
	identity.Invitation

	Link string
}

func (r *room) begin(_ context.Context, c *page.Call) error {
	return r.pages.Show(c, http.StatusOK, "plan", c.Say("Found a tenant"), plan{})
}

// read reads the form of a step.
func read(c *page.Call) plan {
	return plan{
		Code: c.Field("code"), Name: c.Field("name"), Domains: c.Field("domains"), Administrators: c.Field("administrators"),
		Keepers: c.Field("keepers"), Auditors: c.Field("auditors"), Readers: c.Field("readers"),
	}
}

// words are what stands between blanks, commas and line breaks.
func words(s string) []string {
	return strings.FieldsFunc(s, func(x rune) bool { return strings.ContainsRune(",; \r\n\t", x) })
}

func addresses(s string) (list []mail.Address) {
	for _, w := range words(s) {
		list = append(list, mail.NewAddress(w))
	}
	return list
}

// founding is what the form decides.
func (p plan) founding() identity.Founding {
	f := identity.Founding{
		Name: p.Name, Administrators: addresses(p.Administrators), Keepers: addresses(p.Keepers), Auditors: addresses(p.Auditors), Readers: addresses(p.Readers),
	}
	for _, w := range words(p.Domains) {
		f.Domains = append(f.Domains, mail.NewDomain(w))
	}
	return f
}

// step answers the form of a step: the plan is followed by the kit, the kit by the founding.
func (r *room) step(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	p := read(c)
	if c.Field("correct") != "" {
		return r.pages.Show(c, http.StatusOK, "plan", c.Say("Found a tenant"), p)
	}
	if c.Field("kit") != "" {
		return r.found(ctx, c, p)
	}
	return r.offer(ctx, c, p)
}

// again shows a step once more, with what is wrong.
func (r *room) again(c *page.Call, step string, p plan, err error) error {
	status := front.Status(fault.Of(err))
	if front.Broken(fault.Of(err)) || status == http.StatusServiceUnavailable {
		return err
	}
	p.Problem = r.Problem(c, err, "code", "name", "domains", "administrators", "keepers", "auditors", "readers", "saved", "words")
	title := c.Say("Found a tenant")
	if step == "kit" {
		title = c.Say("The recovery kit")
		c.Once = true // the kit is in this page alone
	}
	return r.pages.Show(c, status, step, title, p)
}

// offer makes a recovery kit and shows it, once.
func (r *room) offer(ctx context.Context, c *page.Call, p plan) error {
	var err error
	if p.Kit, err = r.Ceremony.Kit(ctx, p.Code, p.founding()); err != nil {
		return r.again(c, "plan", p, err)
	}
	p.File, p.Words = base64.StdEncoding.EncodeToString(p.Kit.File), p.Kit.Words
	c.Once = true
	return r.pages.Show(c, http.StatusOK, "kit", c.Say("The recovery kit"), p)
}

// found founds the tenant, or says again how it was founded. Where the words are wrong the kit is asked for once more,
// without its words: who did not keep them begins with a new kit.
func (r *room) found(ctx context.Context, c *page.Call, p plan) error {
	f := p.founding()
	id, _ := mail.ParseID(c.Field("kit")) // what is no id is that of no kit
	p.First, p.Second, p.Saved = c.Field("first"), c.Field("second"), c.Field("saved") != ""
	f.Kit, f.Words = id, []string{p.First, p.Second}
	if !p.Saved {
		return r.kitAgain(c, p, id, fault.At("saved", fault.New(fault.Invalid, "save the file of the recovery kit first: without it nobody can help when the keepers have lost their passwords")))
	}
	out, err := r.Ceremony.Found(ctx, p.Code, f)
	if errors.Is(err, recovery.ErrWords) {
		return r.kitAgain(c, p, id, fault.At("words", err))
	}
	if err != nil {
		return r.again(c, "plan", p, err)
	}
	for _, i := range out.Invitations {
		v := url.Values{"email": {i.Email.String()}, "tenant": {p.Name}}
		p.Invitations = append(p.Invitations, invited{i, r.Base(c, r.URL) + "/invitation?" + v.Encode() + "#" + i.Code})
	}
	c.Once, c.Repeats = true, true
	return r.pages.Show(c, http.StatusOK, "founded", c.Say("The tenant is founded"), p)
}

// kitAgain shows the second step once more, without the words of the kit.
func (r *room) kitAgain(c *page.Call, p plan, id mail.ID, err error) error {
	p.Kit.ID, p.File = id, c.Field("file")
	for _, at := range words(c.Field("asked")) {
		n, _ := strconv.Atoi(at) // which the page itself has sent: what is no number names no word
		p.Kit.WordsAsked = append(p.Kit.WordsAsked, n)
	}
	return r.again(c, "kit", p, err)
}

// kit sends the file of a kit, which the page carries itself: the server does not keep it.
func (r *room) kit(_ context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	b, ok := canonical.Base64(c.Field("file"))
	if !ok {
		return fault.New(fault.Invalid, "the form cannot be read, or it is too long")
	}
	c.Header().Set("Content-Type", "application/octet-stream")
	c.Header().Set("Content-Disposition", `attachment; filename="`+file.KitName(words(c.Field("domains")))+`"`)
	c.Header().Set("Content-Security-Policy", "sandbox")
	_, _ = c.Write(b) // who asked may have gone
	return nil
}
