package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"siegel/test/stand"
)

// EX-18: what is not as described is refused as problem details in both languages, and no
// value that was sent comes back.
func TestMalformed(t *testing.T) {
	s := newSite(t)
	c := s.client().signIn(admin)
	w, d := c.wrong(), c.direct()
	long := strings.Repeat("x", 47<<10)
	for what, one := range map[string]struct {
		answer  answer
		status  int
		problem string
	}{
		"no body":             {w.post("/invitations", nil), 400, "malformed"},
		"no JSON":             {d.post("/invitations", "{"), 400, "malformed"},
		"something behind":    {d.post("/invitations", `{"email":"a@b.example","role":"reader"} {}`), 400, "malformed"},
		"no object":           {w.post("/invitations", "[]"), 422, "invalid"},
		"a field too many":    {w.post("/invitations", object{"email": "a@b.example", "role": "reader", "canary-name": 1}), 422, "invalid"},
		"a field too few":     {w.post("/invitations", object{"role": "reader"}), 422, "invalid"},
		"another type":        {w.post("/invitations", object{"email": 1, "role": "reader"}), 422, "invalid"},
		"a role that is none": {w.post("/invitations", object{"email": "a@b.example", "role": "canary-value"}), 422, "invalid"},
		"an empty address":    {w.post("/invitations", object{"email": "", "role": "reader"}), 422, "invalid"},
		"no address":          {c.post("/invitations", object{"email": "nobody", "role": "reader"}), 422, "invalid"},
		"a form":              {d.post("/invitations", "email=a", with("Content-Type", "application/x-www-form-urlencoded")), 415, "media-type"},
		"text":                {d.post("/invitations", `{"email":"a@b.example","role":"reader"}`, with("Content-Type", "text/plain")), 415, "media-type"},
		"nothing asked for":   {w.get("/messages"), 422, "invalid"},
		"an unknown query":    {w.get("/people?canary-name=1"), 422, "invalid"},
		"a limit of 0":        {w.get("/people?limit=0"), 422, "invalid"},
		"a limit of a word":   {w.get("/people?limit=x"), 422, "invalid"},
		"a huge limit":        {w.get("/people?limit=1001"), 422, "invalid"},
		"no time":             {w.get("/events?since=yesterday"), 422, "invalid"},
		"times exchanged":     {c.get("/events?since=2026-12-01T00:00:00Z&until=2026-11-01T00:00:00Z"), 422, "invalid"},
		"no cursor":           {c.get("/people?cursor=AAAA"), 422, "invalid"},
		"a long body":         {d.post("/invitations", object{"email": long, "role": "reader"}), 422, "invalid"},
		"too long a body":     {d.post("/invitations", object{"email": long + long[:4<<10], "role": "reader"}), 413, "too-large"},
		"nothing there":       {d.get("/nothing"), 404, "not-found"},
		"upwards":             {d.get("/..%2f..%2fetc/passwd"), 404, "not-found"},
		"another method":      {d.do(http.MethodPatch, "/people", nil), 405, "method"},
		"another method here": {d.do(http.MethodPost, "/openapi.json", nil), 405, "method"},
	} {
		c.is(what, one.answer, one.status, one.problem)
		if strings.Contains(one.answer.text, "canary-value") || len(one.answer.text) > 4000 {
			t.Errorf("%s: what was sent comes back: %.300s", what, one.answer.text)
		}
		if one.status == 405 && one.answer.Header.Get("Allow") == "" {
			t.Errorf("%s: nobody says what is allowed", what)
		}
	}
	w.lang = "de"
	a := w.post("/invitations", object{"role": "x"})
	w.is("in German", a, http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(a.text, "das Feld email fehlt") || !strings.Contains(a.text, "das ist keines von") || a.str("title") != "So wie verlangt geht es nicht" {
		t.Error(a.text)
	}
	r := s.client().signIn(stand.Reader)
	r.lang = "de"
	a = r.get("/messages?q=colour:red")
	r.is("a mistake in a search", a, http.StatusUnprocessableEntity, "query")
	if a.body["position"] != 1.0 || a.body["length"] == nil {
		t.Error(a.text)
	}
	// Whoever has not signed in is told nothing else, not even what is wrong.
	s.client().direct().is("nobody's nonsense", s.client().direct().post("/invitations", "{"), http.StatusUnauthorized, "signed-out")
}

// What comes from pages of other sites does nothing, whatever its method and type.
func TestForeign(t *testing.T) {
	s := newSite(t)
	c := s.client().signIn(admin).direct()
	for what, change := range map[string]func(*http.Request){
		"another origin": with("Origin", "https://evil.example"), "another site": with("Sec-Fetch-Site", "cross-site"), "a nameless frame": with("Origin", "null"),
	} {
		for _, a := range []answer{
			c.post("/invitations", object{"email": "a@b.example", "role": "reader"}, change),
			c.do(http.MethodDelete, "/sessions/current", nil, change),
			c.do(http.MethodPut, "/settings", object{"session_idle_minutes": 5}, change),
			c.post("/sessions", `{"email":"a","password":"b"}`, change, with("Content-Type", "text/plain")),
		} {
			c.is(what, a, http.StatusForbidden, "foreign")
		}
	}
	c.is("still here", c.get("/me", with("Sec-Fetch-Site", "cross-site")), http.StatusOK, "")
	a := s.client().direct().post("/sessions", object{"email": stand.Reader, "password": stand.Password, "tenant": stand.Tenant})
	if len(a.Cookies()) != 2 {
		t.Errorf("%d cookies", len(a.Cookies()))
	}
	for _, k := range a.Cookies() {
		if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %+v", k)
		}
	}
}

// EX-18: a page begins where the one before it ended; a cursor is for one person and one
// list.
func TestPages(t *testing.T) {
	s := newSite(t)
	a, k := s.client().signIn(admin), s.client().signIn(stand.Keeper)
	for i := range 4 {
		s.send(fmt.Sprintf("From: anna@a.example\r\nTo: %s\r\nSubject: canary %d\r\n\r\nx\r\n", stand.Reader, i))
	}
	for path, want := range map[string]int{"/people?limit=2": 3, "/messages?q=canary&limit=2": 5, "/events?limit=3": 8} {
		c := k
		seen, cursor, pages := make(map[string]bool), "", 0
		for {
			next := path
			if cursor != "" {
				next += "&cursor=" + cursor
			}
			got := c.get(next)
			c.is(next, got, http.StatusOK, "")
			for _, one := range got.items() {
				if seen[str(one["id"])] {
					t.Errorf("%s: %v comes twice", next, one["id"])
				}
				seen[str(one["id"])] = true
			}
			if cursor = got.str("next_cursor"); cursor == "" || pages > 50 {
				break
			}
			if pages++; pages == 1 && path != "/messages?q=canary&limit=2" {
				a.is("another's cursor", a.get(path+"&cursor="+cursor), http.StatusUnprocessableEntity, "invalid")
			}
			c.is("another list", c.get("/requests?cursor="+cursor), http.StatusUnprocessableEntity, "invalid")
		}
		if len(seen) < want || pages == 0 {
			t.Errorf("%s: %d things on %d pages", path, len(seen), pages+1)
		}
	}
}

// EX-18: single things have ETags, and nobody overwrites what he has not seen.
func TestTags(t *testing.T) {
	s := newSite(t)
	a, k := s.client().signIn(admin), s.client().signIn(stand.Keeper)
	person := "/people/" + str(a.get("/people").find("email", stand.Reader)["id"])
	message := "/messages/" + str(k.first("/messages?q=canary")["id"])
	for path, c := range map[string]*client{"/me": a, "/settings": a, person: a, "/sources/lmtp": k, message: s.client().signIn(stand.Reader)} {
		got := c.get(path)
		tag := got.Header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) || got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %q", path, got.StatusCode, tag)
		}
		for _, list := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again := c.get(path, with("If-None-Match", list))
			if again.StatusCode != http.StatusNotModified || again.text != "" || again.Header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d %s", path, list, again.StatusCode, again.text)
			}
		}
		c.is(path+" with another tag", c.get(path, with("If-None-Match", `"other"`)), http.StatusOK, "")
	}
	set := func(minutes int, change ...func(*http.Request)) answer {
		return a.do(http.MethodPut, "/settings", object{"session_idle_minutes": minutes}, change...)
	}
	tag := a.get("/settings").Header.Get("ETag")
	a.is("without a tag", set(10), http.StatusPreconditionRequired, "condition-needed")
	done := set(10, with("If-Match", tag))
	a.is("with the tag", done, http.StatusOK, "")
	a.is("with the old tag", set(20, with("If-Match", tag)), http.StatusPreconditionFailed, "changed")
	a.is("with a weak one", set(20, with("If-Match", "W/"+done.Header.Get("ETag"))), http.StatusPreconditionFailed, "changed")
	a.is("with the new one", set(20, with("If-Match", done.Header.Get("ETag"))), http.StatusOK, "")
	if got := a.get("/settings"); got.body["session_idle_minutes"] != 20.0 {
		t.Error(got.text)
	}
	a.is("the same again", set(20, with("If-Match", "*")), http.StatusOK, "")
	// EV-05, EV-09: what held before the first choice is the default, and what changes nothing is no event.
	if got := a.get("/events?what=setting").items(); len(got) != 2 || got[0]["old"] != "10" || got[0]["new"] != "20" || got[1]["old"] != "1440" || got[1]["new"] != "10" {
		t.Error(got)
	}
	a.wrong().is("too little", a.wrong().do(http.MethodPut, "/settings", object{"session_idle_minutes": 4}, with("If-Match", "*")), http.StatusUnprocessableEntity, "invalid")
	role := func(change ...func(*http.Request)) answer {
		return a.do(http.MethodPut, person+"/role", object{"role": "administrator"}, change...)
	}
	old := a.get(person).Header.Get("ETag")
	a.is("a role without a tag", role(), http.StatusPreconditionRequired, "condition-needed")
	a.is("a role", role(with("If-Match", old)), http.StatusOK, "")
	a.is("a role with the old tag", role(with("If-Match", old)), http.StatusPreconditionFailed, "changed")
	s.race(a)
}

// race lets many change a setting at once with the same tag: one does.
func (s *site) race(a *client) {
	s.Helper()
	tag := a.get("/settings").Header.Get("ETag")
	var mu sync.Mutex
	var wg sync.WaitGroup
	by := make(map[int]int)
	for i := range 8 {
		wg.Go(func() {
			got := a.direct().do(http.MethodPut, "/settings", object{"session_idle_minutes": 100 + i}, with("If-Match", tag))
			mu.Lock()
			defer mu.Unlock()
			by[got.StatusCode]++
		})
	}
	wg.Wait()
	if by[http.StatusOK] != 1 || by[http.StatusPreconditionFailed] != 7 {
		s.Errorf("of eight at once: %v", by)
	}
}

// EX-18: a request that comes twice under one idempotency key is carried out once.
func TestOnce(t *testing.T) {
	s := newSite(t)
	a := s.client().signIn(admin)
	person := str(a.get("/people").find("email", stand.Reader)["id"])
	ask := object{"person": person, "role": "auditor"}
	key := with("Idempotency-Key", `"8e03978e-40d5-43dd-bc93-6e2d5c4f8e5d"`)
	one := a.post("/requests", ask, key)
	a.is("the first", one, http.StatusCreated, "")
	two := a.post("/requests", ask, key)
	a.is("the second", two, http.StatusCreated, "")
	if two.text != one.text || two.Header.Get("Location") != one.Header.Get("Location") || two.Header.Get("Idempotency-Replayed") != "true" || one.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the answers differ: %s %s", one.text, two.text)
	}
	a.is("without quotation marks", a.post("/requests", ask, with("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6e2d5c4f8e5d")), http.StatusCreated, "")
	a.is("another body", a.post("/requests", object{"person": person, "role": "compliance"}, key), http.StatusUnprocessableEntity, "key-used")
	a.is("another operation", a.post("/invitations", object{"email": "a@" + stand.Domain, "role": "reader"}, key), http.StatusUnprocessableEntity, "key-used")
	if n := len(a.get("/requests").items()); n != 1 {
		t.Errorf("%d requests were made", n)
	}
	a.is("a key that is none", a.direct().post("/requests", ask, with("Idempotency-Key", strings.Repeat("k", 256))), http.StatusUnprocessableEntity, "invalid")
	// What was refused may be mended.
	mend := with("Idempotency-Key", "mend")
	a.is("refused", a.post("/invitations", object{"email": "nobody", "role": "reader"}, mend), http.StatusUnprocessableEntity, "invalid")
	invited := a.post("/invitations", object{"email": "new@" + stand.Domain, "role": "reader"}, mend)
	a.is("mended", invited, http.StatusCreated, "")
	// A code is shown once.
	again := a.post("/invitations", object{"email": "new@" + stand.Domain, "role": "reader"}, mend)
	a.is("a code again", again, http.StatusConflict, "done")
	if strings.Contains(again.text, invited.str("code")) {
		t.Error("the code comes twice")
	}
	// Keys are a person's own.
	k := s.client().signIn(stand.Keeper)
	k.is("another's key", k.post("/requests/"+one.str("id")+"/reject", nil, key), http.StatusOK, "")
	s.crowd(a)
}

// crowd sends one request many times at once: it is carried out once, whatever the others
// are told.
func (s *site) crowd(a *client) {
	s.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	by := make(map[string]int)
	for range 12 {
		wg.Go(func() {
			got := a.direct().post("/invitations", object{"email": "crowd@" + stand.Domain, "role": "reader"}, with("Idempotency-Key", "crowd"))
			mu.Lock()
			defer mu.Unlock()
			by[fmt.Sprint(got.StatusCode, got.str("type"))]++
		})
	}
	wg.Wait()
	if by["201"] != 1 || by["409/api/v1/#problem-running"]+by["409/api/v1/#problem-done"] != 11 {
		s.Errorf("of twelve at once: %v", by)
	}
	if got := a.get("/events?what=person.invite"); len(got.items()) == 0 {
		s.Error("no invitation is in the audit trail")
	}
}
