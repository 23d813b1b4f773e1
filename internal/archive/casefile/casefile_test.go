package casefile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/archive/casefile"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/test/clock"
	"siegel/test/stand"
)

// world is a tenant with mail of which the reader has none, and a clock.
type world struct {
	*testing.T
	app *app.App

	clock *clock.Clock
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{T: t, clock: clock.At(time.Now())}
	dir := t.TempDir()
	w.ok(stand.Init(dir))
	a, err := stand.Open(t.Context(), app.Options{Dir: dir, Log: stand.Log(), Now: w.clock.Now})
	w.ok(err)
	w.app = a
	t.Cleanup(func() { w.ok(a.Close()) })
	w.ok(stand.Found(t.Context(), a))
	stop := stand.Committing(t.Context(), a)
	t.Cleanup(func() { w.ok(stop()) })
	for _, m := range []string{"invoice 2025 canary", "invoice 2026 canary", "holiday canary"} {
		w.put(m)
	}
	return w
}

func (w *world) put(subject string) mail.ID {
	w.Helper()
	w.clock.Advance(time.Minute) // so that one is older than the other
	octets := "From: a@a.example\r\nTo: sales@" + stand.Domain + "\r\nSubject: " + subject + "\r\n\r\ntext\r\n"
	id, err := stand.Put(w.Context(), w.app, w.clock.Now(), []byte(octets), "sales@"+stand.Domain)
	w.ok(err)
	return id
}

func (w *world) signIn(email mail.Address) *identity.Session {
	w.Helper()
	s, err := w.app.Identity.SignIn(w.Context(), stand.Tenant, email, []byte(stand.Password))
	w.ok(err)
	w.Cleanup(s.Close)
	return s
}

func (w *world) wanted(search string) casefile.Wanted {
	return casefile.Wanted{
		Email: stand.Reader, Until: w.clock.Now().Add(48 * time.Hour), Content: casefile.Content{Name: "Tax audit", Search: search, Reason: "order 17"},
	}
}

// finds searches in a case.
func (w *world) finds(s *identity.Session, id mail.ID, text string) (subjects []string) {
	w.Helper()
	in, _, err := w.app.Cases.Enter(w.Context(), s, id)
	w.ok(err)
	res, err := w.app.Index.Search(w.Context(), in, index.Request{Text: text, Order: index.Oldest, Wait: index.Wait{Patience: time.Minute}})
	w.ok(err)
	for _, h := range res.Hits {
		subjects = append(subjects, h.Subject)
		m, err := w.app.Archive.Show(w.Context(), s, h.ID, "")
		w.ok(err)
		w.ok(m.Close())
	}
	return subjects
}

// RT-14, EX-06: an auditor from outside gets what a search finds and nothing else; what
// arrives later is added by a keeper; when the case ends it is gone, by keys.
func TestCase(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keeper := w.signIn(stand.Keeper)
	c, err := w.app.Cases.Give(ctx, keeper, w.wanted("invoice"))
	w.ok(err)
	if next, err := w.app.Cases.Fill(ctx, keeper, c.ID, "", time.Minute); err != nil || next != "" {
		t.Fatal(next, err)
	}
	reader := w.signIn(stand.Reader)
	if got := strings.Join(w.finds(reader, c.ID, "canary"), ","); got != "invoice 2025 canary,invoice 2026 canary" {
		t.Errorf("the case has %s", got)
	}
	res, err := w.app.Index.Search(ctx, reader, index.Request{Text: "canary", Wait: index.Wait{Patience: time.Minute}})
	if err != nil || res.Total != 0 {
		t.Errorf("outside the case: %+v %v", res, err)
	}
	list, err := w.app.Cases.List(ctx, reader)
	if err != nil || len(list) != 1 || list[0].Name != "Tax audit" || list[0].Messages != 2 || !list[0].Whole {
		t.Errorf("her list: %+v %v", list, err)
	}
	// What arrives later is not hers until a keeper adds it.
	late := w.put("invoice late canary")
	if _, err := w.app.Archive.Show(ctx, reader, late, "because"); fault.Of(err) != fault.NotFound {
		t.Errorf("what arrived later: %v", err)
	}
	if next, err := w.app.Cases.Fill(ctx, keeper, c.ID, "", time.Minute); err != nil || next != "" {
		t.Fatal(next, err)
	}
	if got := len(w.finds(reader, c.ID, "canary")); got != 3 {
		t.Errorf("%d after adding", got)
	}
	w.ok(w.app.Cases.End(ctx, keeper, c.ID))
	if _, err := w.app.Archive.Show(ctx, reader, late, "because"); fault.Of(err) != fault.NotFound {
		t.Errorf("after the end, in the session that was open: %v", err)
	}
	if _, _, err := w.app.Cases.Enter(ctx, reader, c.ID); fault.Of(err) != fault.Conflict {
		t.Errorf("entered after the end: %v", err)
	}
	if again := w.signIn(stand.Reader); again.Unlocked().Holds(c.Holder) {
		t.Error("a session after the end reaches the key")
	}
	if err := w.app.Cases.End(ctx, keeper, c.ID); fault.Of(err) != fault.Conflict {
		t.Errorf("ended twice: %v", err)
	}
}

// A case ends by itself, without anybody's session; no session that begins later reaches
// its key even before the server has deleted it.
func TestExpires(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keeper := w.signIn(stand.Keeper)
	c, err := w.app.Cases.Give(ctx, keeper, w.wanted("holiday"))
	w.ok(err)
	_, err = w.app.Cases.Fill(ctx, keeper, c.ID, "", time.Minute)
	w.ok(err)
	w.clock.Advance(47 * time.Hour)
	reader := w.signIn(stand.Reader)
	if got := w.finds(reader, c.ID, "canary"); len(got) != 1 {
		t.Fatalf("an hour before the end: %v", got)
	}
	w.clock.Advance(time.Hour + time.Second)
	if _, _, err := w.app.Cases.Enter(ctx, reader, c.ID); fault.Of(err) != fault.Conflict {
		t.Errorf("after its time: %v", err)
	}
	if late := w.signIn(stand.Reader); late.Unlocked().Holds(c.Holder) {
		t.Error("a session after its time reaches the key")
	}
	w.ok(w.app.Cases.Expire(ctx, keeper.Tenant().ID()))
	list, err := w.app.Cases.List(ctx, w.signIn(stand.Keeper))
	if err != nil || len(list) != 1 || list[0].Ended.IsZero() || list[0].Messages == 0 {
		t.Errorf("what keepers see: %+v %v", list, err)
	}
	// Rows and ledger agree about what ended.
	verified, err := w.app.VerifyLedger(ctx, keeper.Tenant().ID())
	w.ok(err)
	for _, v := range verified {
		for _, p := range v.Problems {
			t.Errorf("%s: %v", v.Log, p.Err)
		}
	}
}

// Who is no keeper gives nothing, and nobody gets what he may not have.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keeper, reader := w.signIn(stand.Keeper), w.signIn(stand.Reader)
	admin := w.signIn("admin@" + stand.Domain)
	for what, try := range map[string]struct {
		s      *identity.Session
		change func(*casefile.Wanted)
		want   fault.Kind
	}{
		"a reader":          {reader, func(*casefile.Wanted) {}, fault.Denied},
		"an administrator":  {admin, func(*casefile.Wanted) {}, fault.Denied},
		"to a keeper":       {keeper, func(c *casefile.Wanted) { c.Email = stand.Keeper }, fault.Invalid},
		"to nobody":         {keeper, func(c *casefile.Wanted) { c.Email = "x@" + stand.Domain }, fault.NotFound},
		"without a name":    {keeper, func(c *casefile.Wanted) { c.Name = " " }, fault.Invalid},
		"without a reason":  {keeper, func(c *casefile.Wanted) { c.Reason = "" }, fault.Invalid},
		"that has ended":    {keeper, func(c *casefile.Wanted) { c.Until = w.clock.Now() }, fault.Invalid},
		"for ever":          {keeper, func(c *casefile.Wanted) { c.Until = w.clock.Now().AddDate(2, 0, 0) }, fault.Invalid},
		"of no search":      {keeper, func(c *casefile.Wanted) { c.Search = "colour:red" }, fault.Invalid},
		"a name of a novel": {keeper, func(c *casefile.Wanted) { c.Name = strings.Repeat("ü", 101) }, fault.Invalid},
	} {
		wanted := w.wanted("invoice")
		try.change(&wanted)
		if _, err := w.app.Cases.Give(ctx, try.s, wanted); fault.Of(err) != try.want {
			t.Errorf("%s: %v", what, err)
		}
	}
	c, err := w.app.Cases.Give(ctx, keeper, w.wanted("invoice"))
	w.ok(err)
	for what, err := range map[string]error{
		"a reader fills": func() error { _, err := w.app.Cases.Fill(ctx, reader, c.ID, "", time.Minute); return err }(),
		"a reader ends":  w.app.Cases.End(ctx, reader, c.ID),
	} {
		if fault.Of(err) != fault.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.app.Cases.Get(ctx, admin, c.ID); fault.Of(err) != fault.NotFound {
		t.Errorf("an administrator sees it: %v", err)
	}
	if _, _, err := w.app.Cases.Enter(ctx, keeper, c.ID); fault.Of(err) != fault.NotFound {
		t.Errorf("a keeper enters another's: %v", err)
	}
	if _, _, err := w.app.Cases.Enter(ctx, reader, c.ID); fault.Of(err) != fault.Locked {
		t.Errorf("a session from before: %v", err)
	}
}

// paged finds one message at a time, and calls something before each page.
func (w *world) paged(before func(page int)) *casefile.Room {
	d := w.app.Cases.Deps
	d.Find = func(ctx context.Context, s *identity.Session, text, cursor string) (list []casefile.Found, next string, err error) {
		page := len(cursor)
		before(page)
		res, err := w.app.Index.Search(ctx, s, index.Request{Text: text, Order: index.Oldest, Wait: index.Wait{Patience: time.Minute}})
		if err != nil {
			return nil, "", err
		}
		if page+1 < len(res.Hits) {
			next = strings.Repeat("x", page+1)
		}
		return []casefile.Found{{ID: res.Hits[page].ID, Arrived: res.Hits[page].Arrived}}, next, nil
	}
	return casefile.New(d)
}

// A large case is filled in steps, each of which goes on where the one before it ended.
func TestSteps(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keeper := w.signIn(stand.Keeper)
	room := w.paged(func(int) { w.clock.Advance(time.Minute) })
	c, err := room.Give(ctx, keeper, w.wanted("canary"))
	w.ok(err)
	next := ""
	for n := range 3 {
		if next, err = room.Fill(ctx, keeper, c.ID, next, 0); err != nil {
			t.Fatal(err)
		}
		now, err := room.Get(ctx, keeper, c.ID)
		if err != nil || now.Messages != int64(n+1) || now.Whole != (n == 2) || (next == "") != now.Whole {
			t.Errorf("after step %d: %+v, on from %q, %v", n, now, next, err)
		}
	}
}

// A case that ends while it is filled gets nothing more, and what it got is gone.
func TestEndsWhileFilled(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keeper := w.signIn(stand.Keeper)
	var c casefile.Case
	room := w.paged(func(page int) {
		if page == 1 {
			w.ok(w.app.Cases.End(ctx, keeper, c.ID))
		}
	})
	var err error
	c, err = room.Give(ctx, keeper, w.wanted("canary"))
	w.ok(err)
	reader := w.signIn(stand.Reader)
	if !reader.Unlocked().Holds(c.Holder) {
		t.Fatal("her session does not reach the case")
	}
	if _, err := room.Fill(ctx, keeper, c.ID, "", time.Minute); fault.Of(err) != fault.Conflict {
		t.Errorf("filled after the end: %v", err)
	}
	res, err := w.app.Index.Search(ctx, keeper, index.Request{Text: "canary", Wait: index.Wait{Patience: time.Minute}})
	w.ok(err)
	for _, h := range res.Hits {
		if _, err := w.app.Archive.Show(ctx, reader, h.ID, "because"); fault.Of(err) != fault.NotFound {
			t.Errorf("%s: %v", h.Subject, err)
		}
	}
}
