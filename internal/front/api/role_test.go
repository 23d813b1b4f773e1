package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/archive/casefile"
	"siegel/internal/archive/job"
	"siegel/internal/identity"
	"siegel/internal/index/saved"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// fresh makes a reader who was invited a moment ago.
func (s *site) fresh(a *client) string {
	s.Helper()
	email := "fresh@" + stand.Domain
	inv := a.post("/invitations", object{"email": email, "role": "reader"})
	a.is("an invitation", inv, http.StatusCreated, "")
	s.client().is("taken", s.client().post("/invitations/accept", object{"email": email, "code": inv.str("code"), "password": stand.Password, "tenant": stand.Tenant}), http.StatusNoContent, "")
	return email
}

// EX-06, EX-18: who may do what, with every role and with nobody. What is not there, what
// is another tenant's and what is no id have one answer.
func TestRoles(t *testing.T) {
	s := begin(t, true, app.Options{})
	a, k, r := s.client().signIn(admin), s.client().signIn(stand.Keeper), s.client().signIn(stand.Reader)
	nobody := s.nobody()
	message := str(k.first("/messages?q=canary")["id"])
	person := str(a.get("/people").find("email", stand.Reader)["id"])
	request := a.post("/requests", object{"person": person, "role": "auditor"})
	a.is("a request", request, http.StatusCreated, "")
	asked := request.str("id")
	r.is("her session", r.get("/me"), http.StatusOK, "") // it holds the keys that she has now
	dossier := s.dossier(k, "case of roles")
	if got := request.Header.Get("Location"); got != "/api/v1/requests/"+asked {
		t.Errorf("the request is at %q", got)
	}
	for path, want := range map[string][3]int{ // of administrator, keeper, reader
		"/me":                                    {200, 200, 200},
		"/sessions":                              {200, 200, 200},
		"/state":                                 {200, 200, 200},
		"/domains":                               {200, 200, 200},
		"/messages?q=canary":                     {403, 200, 200},
		"/arrivals":                              {403, 200, 200},
		"/messages/" + message:                   {404, 422, 200},
		"/messages/" + message + "/raw":          {404, 422, 200},
		"/messages/" + message + "/conversation": {404, 200, 200},
		"/messages/" + message + "/history":      {404, 200, 200},
		"/messages/" + message + "/attachments/2": {404, 422, 200},
		"/saved_searches":                         {403, 200, 200},
		"/cases":                                  {200, 200, 200},
		"/cases/" + dossier:                       {404, 200, 200},
		"/messages?q=canary&case=" + dossier:      {403, 404, 401},
		"/jobs":                                   {200, 200, 200},
		"/people":                                 {200, 200, 403},
		"/people/" + person:                       {200, 200, 403},
		"/requests":                               {200, 200, 403},
		"/requests/" + asked:                      {200, 200, 403},
		"/sources":                                {200, 200, 403},
		"/sources/lmtp":                           {200, 200, 403},
		"/settings":                               {200, 200, 403},
		"/events":                                 {200, 200, 403},
	} {
		problem := map[int]string{401: "signed-out", 403: "denied", 404: "not-found", 422: "reason"}
		for i, c := range []*client{a, k, r} {
			c.is(fmt.Sprintf("%s for %d", path, i), c.get(path), want[i], problem[want[i]])
		}
		nobody.is(path+" for nobody", nobody.get(path), http.StatusUnauthorized, "signed-out")
	}
	// EX-17: roles, too, are said in the reader's language.
	german := s.client().signIn(stand.Reader)
	german.lang = "de"
	if got := german.get("/people").str("detail"); got != "dies braucht die Rolle Administrator oder Compliance; Sie haben die Rolle Leser" {
		t.Errorf("in German: %q", got)
	}
	if got := a.get("/events?what=sign-in"); len(got.items()) == 0 || !strings.HasPrefix(str(got.items()[0]["what"]), "sign-in") {
		t.Errorf("events: %s", got.text)
	}
	opened := k.post("/messages/"+message+"/open", object{"reason": "Fall 17: Prüfung"})
	k.is("with a reason", opened, http.StatusOK, "")
	k.is("its attachment", k.post("/messages/"+message+"/attachments/2", object{"reason": "case 17"}), http.StatusOK, "")
	a.is("an administrator's attachment", a.post("/messages/"+message+"/attachments/2", object{"reason": "case 17"}), http.StatusNotFound, "not-found")
	for i, c := range []*client{a, r} {
		c.is(fmt.Sprintf("opening a case for %d", i), c.post("/cases", dossierOf("x")), http.StatusForbidden, "denied")
		c.is(fmt.Sprintf("filling a case for %d", i), c.post("/cases/"+dossier+"/fill", nil), http.StatusForbidden, "denied")
		c.is(fmt.Sprintf("ending a case for %d", i), c.do(http.MethodDelete, "/cases/"+dossier, nil), http.StatusForbidden, "denied")
	}
	a.is("an administrator's search", a.post("/saved_searches", object{"q": "canary"}), http.StatusForbidden, "denied")
	a.is("an administrator's saved search", a.do(http.MethodDelete, "/saved_searches/"+asked, nil), http.StatusForbidden, "denied")
	k.is("its octets", k.post("/messages/"+message+"/raw", object{"reason": "case 17"}), http.StatusOK, "")
	if got := k.post("/messages/"+message+"/proof", object{"reason": "case 17"}); got.StatusCode != http.StatusOK {
		k.is("its proof", got, http.StatusServiceUnavailable, "busy")
	}
	k.is("punctuation", k.post("/messages/"+message+"/open", object{"reason": "..."}), http.StatusUnprocessableEntity, "reason")
	a.is("an administrator", a.post("/messages/"+message+"/open", object{"reason": "case 17"}), http.StatusNotFound, "not-found")
	if got := k.get("/events?what=message.open"); !strings.Contains(got.text, "Fall 17: Prüfung") {
		t.Errorf("the keeper's audit trail has no reason: %s", got.text)
	}
	if got := a.get("/events"); strings.Contains(got.text, "Fall 17") {
		t.Error("an administrator reads reasons")
	}
	s.foreign(a, k, r)
	k.is("approved", k.post("/requests/"+asked+"/approve", nil), http.StatusOK, "")
	auditor := s.client().signIn(stand.Reader)
	for path, want := range map[string]int{
		"/me": 200, "/state": 200, "/messages?q=canary": 200, "/messages/" + message: 200, "/messages/" + message + "/history": 200, "/messages/" + message + "/attachments/2": 200, "/saved_searches": 200,
		"/cases": 200, "/cases/" + dossier: 200, "/people": 403, "/requests": 403, "/sources": 200, "/settings": 200, "/events": 200,
	} {
		auditor.is(path+" for an auditor", auditor.get(path), want, map[int]string{403: "denied"}[want])
	}
	tag := auditor.get("/settings").Header.Get("ETag")
	auditor.is("an auditor's settings", auditor.do(http.MethodPut, "/settings", object{"session_idle_minutes": 10}, with("If-Match", tag)), http.StatusForbidden, "denied")
}

// staying is a visit that is not counted.
type staying struct{}

// Hold implements [job.Visitor].
func (staying) Hold() func() { return func() {} }

// foreign asks for things of another tenant, for things that are not there, and for what is
// no id.
func (s *site) foreign(a, k, r *client) {
	s.Helper()
	o, err := s.app.Identity.SignIn(s.Context(), "other", "admin@other.example", []byte(stand.Password))
	s.ok(err)
	defer o.Close()
	people, err := s.app.Identity.People(s.Context(), o)
	s.ok(err)
	var theirs mail.ID
	for _, p := range people {
		if p.Role == identity.Reader {
			theirs = p.ID
		}
	}
	q, err := s.app.Identity.RequestRole(s.Context(), o, "reader@other.example", identity.Auditor)
	s.ok(err)
	match := with("If-Match", "*")
	keeper, err := s.app.Identity.SignIn(s.Context(), "other", "keeper@other.example", []byte(stand.Password))
	s.ok(err)
	defer keeper.Close()
	given, err := s.app.Cases.Give(s.Context(), keeper, casefile.Wanted{
		Email: "reader@other.example", Until: time.Now().Add(time.Hour), Content: casefile.Content{Name: "theirs", Search: "canary", Reason: "order 17"},
	})
	s.ok(err)
	kept, err := saved.New(saved.Deps{Vault: s.app.Vault, Trail: s.app.Trail, Now: time.Now}).Keep(s.Context(), keeper, saved.Search{Text: "canary"})
	s.ok(err)
	ordered, err := s.app.Jobs.Start(s.Context(), keeper, staying{}, job.Order{Kind: job.Regrant, Person: "reader@other.example"})
	s.ok(err)
	for what, call := range map[string]func(id string) answer{
		"message":      func(id string) answer { return r.get("/messages/" + id) },
		"conversation": func(id string) answer { return r.get("/messages/" + id + "/conversation") },
		"open":         func(id string) answer { return k.post("/messages/"+id+"/open", object{"reason": "case 17"}) },
		"raw":          func(id string) answer { return k.post("/messages/"+id+"/raw", object{"reason": "case 17"}) },
		"proof":        func(id string) answer { return k.post("/messages/"+id+"/proof", object{"reason": "case 17"}) },
		"history":      func(id string) answer { return r.get("/messages/" + id + "/history") },
		"attachment":   func(id string) answer { return r.get("/messages/" + id + "/attachments/2") },
		"open part":    func(id string) answer { return k.post("/messages/"+id+"/attachments/2", object{"reason": "case 17"}) },
		"case":         func(id string) answer { return k.get("/cases/" + id) },
		"my case":      func(id string) answer { return r.get("/cases/" + id) },
		"in a case":    func(id string) answer { return r.get("/messages?q=canary&case=" + id) },
		"fill":         func(id string) answer { return k.post("/cases/"+id+"/fill", nil) },
		"end":          func(id string) answer { return k.do(http.MethodDelete, "/cases/"+id, nil) },
		"saved search": func(id string) answer { return r.do(http.MethodDelete, "/saved_searches/"+id, nil) },
		"job":          func(id string) answer { return k.get("/jobs/" + id) },
		"part":         func(id string) answer { return k.get("/jobs/" + id + "/parts/1") },
		"cancel":       func(id string) answer { return k.post("/jobs/"+id+"/cancel", nil) },
		"delete job":   func(id string) answer { return k.do(http.MethodDelete, "/jobs/"+id, nil) },
		"person":       func(id string) answer { return a.get("/people/" + id) },
		"role": func(id string) answer {
			return a.do(http.MethodPut, "/people/"+id+"/role", object{"role": "reader"}, match)
		},
		"reset":  func(id string) answer { return a.post("/people/"+id+"/reset", nil) },
		"remove": func(id string) answer { return a.do(http.MethodDelete, "/people/"+id, nil) },
		"assign": func(id string) answer {
			return k.post("/people/"+id+"/addresses", object{"address": "x@" + stand.Domain})
		},
		"unassign": func(id string) answer {
			return k.do(http.MethodDelete, "/people/"+id+"/addresses/x@"+stand.Domain, nil)
		},
		"ask": func(id string) answer {
			return a.post("/requests", object{"person": (id + strings.Repeat("0", 32))[:32], "role": "auditor"})
		},
		"request":    func(id string) answer { return a.get("/requests/" + id) },
		"approve":    func(id string) answer { return k.post("/requests/"+id+"/approve", nil) },
		"reject":     func(id string) answer { return k.post("/requests/"+id+"/reject", nil) },
		"withdraw":   func(id string) answer { return a.post("/requests/"+id+"/withdraw", nil) },
		"source":     func(id string) answer { return a.get("/sources/" + id) },
		"secret":     func(id string) answer { return a.post("/sources/"+id+"/secret", object{}) },
		"unregister": func(id string) answer { return a.do(http.MethodDelete, "/sources/"+id, nil) },
		"session":    func(id string) answer { return r.do(http.MethodDelete, "/sessions/"+id, nil) },
	} {
		var texts []string
		for _, id := range []string{theirs.String(), q.ID.String(), given.ID.String(), kept.ID.String(), ordered.ID.String(), strings.Repeat("0", 32), "x"} {
			got := call(id)
			a.is(what+" "+id, got, http.StatusNotFound, "not-found")
			texts = append(texts, got.text)
		}
		for _, text := range texts[1:] {
			if text != texts[0] {
				s.Errorf("%s: the answer says more: %s %s", what, texts[0], text)
			}
		}
	}
}

// EX-06: a further domain is asked for, decided by a keeper who is somebody else, and then
// listed; what is another tenant's is refused without naming it.
func TestFurtherDomain(t *testing.T) {
	s := begin(t, true, app.Options{})
	a, k := s.client().signIn(admin), s.client().signIn(stand.Keeper)
	ask := func(c *client, domain string) answer { return c.post("/domains", object{"domain": domain}) }
	reader := s.client().signIn(stand.Reader)
	reader.is("a reader", ask(reader, "new.example"), http.StatusForbidden, "denied")
	s.nobody().is("nobody", ask(s.nobody(), "new.example"), http.StatusUnauthorized, "signed-out")
	a.is("no domain", ask(a, "localhost"), http.StatusUnprocessableEntity, "invalid")
	a.is("the tenant's", ask(a, stand.Domain), http.StatusConflict, "conflict")
	theirs := ask(a, "other.example")
	a.is("another tenant's", theirs, http.StatusConflict, "conflict")
	if got := theirs.str("detail"); got != "the domain other.example belongs to a tenant already" {
		t.Error(got)
	}
	doubt := ask(a, "stnad.example")
	a.is("a mistyped one", doubt, http.StatusUnprocessableEntity, "confirm")
	if !strings.Contains(doubt.text, `"location":"body.confirm_domain"`) {
		t.Error(doubt.text)
	}
	a.is("confirmed", a.post("/domains", object{"domain": "stnad.example", "confirm_domain": "stnad.example"}), http.StatusCreated, "")
	asked := ask(a, "New.Example.")
	a.is("asked", asked, http.StatusCreated, "")
	if asked.str("kind") != "domain" || asked.str("value") != "new.example" || asked.str("state") != "open" || asked.Header.Get("Location") != "/api/v1/requests/"+asked.str("id") {
		t.Error(asked.text)
	}
	a.is("asked twice", ask(a, "new.example"), http.StatusConflict, "conflict")
	if got := a.get("/domains"); strings.Contains(got.text, "new.example") {
		t.Error(got.text)
	}
	k.is("read", k.get("/requests/"+asked.str("id")), http.StatusOK, "")
	a.is("approved by who asked", a.post("/requests/"+asked.str("id")+"/approve", nil), http.StatusForbidden, "denied")
	k.is("approved", k.post("/requests/"+asked.str("id")+"/approve", nil), http.StatusOK, "")
	k.is("approved twice", k.post("/requests/"+asked.str("id")+"/approve", nil), http.StatusConflict, "conflict")
	if got := a.get("/domains"); got.find("name", "new.example") == nil {
		t.Error(got.text)
	}
	own := ask(k, "keepers.example")
	k.is("a keeper asks", own, http.StatusCreated, "")
	k.is("and does not approve", k.post("/requests/"+own.str("id")+"/approve", nil), http.StatusForbidden, "denied")
	if got := k.get("/events?what=domain.add"); len(got.items()) != 1 || got.items()[0]["new"] != "new.example" {
		t.Error(got.text)
	}
}

// AU-02, AU-03: a password that is not good enough is refused by the rule that it breaks,
// and the old one is needed.
func TestPassword(t *testing.T) {
	s := newSite(t)
	c, other := s.client().signIn(stand.Reader), s.client().signIn(stand.Reader)
	put := func(current, fresh string) answer {
		return c.do(http.MethodPut, "/me/password", object{"current": current, "new": fresh})
	}
	for fresh, rule := range map[string]string{
		"Short-1pw": "10 characters", "no-upper-case-1": "upper", "NO-LOWER-CASE-1": "lower", "No-digit-at-all": "digit", "NoSpecialSign1": "special",
	} {
		a := put(stand.Password, fresh)
		c.is(fresh, a, http.StatusUnprocessableEntity, "invalid")
		if !strings.Contains(a.str("detail"), rule) {
			t.Errorf("%s: the rule is not named: %s", fresh, a.text)
		}
	}
	c.is("without the old one", put("Wrong-1-password", "Fresh-1-password"), http.StatusForbidden, "denied")
	c.is("of ten characters", put(stand.Password, "Ärger-7abc"), http.StatusNoContent, "")
	c.is("still here", c.get("/me"), http.StatusOK, "")
	other.is("the other session", other.get("/me"), http.StatusUnauthorized, "signed-out")
	a := s.client().post("/sessions", object{"email": stand.Reader, "password": "Ärger-7abc", "tenant": stand.Tenant})
	c.is("with the new one and the tenant", a, http.StatusCreated, "")
}

// AU-06: five failures lock an account for a quarter of an hour, and the answer says so.
func TestLocked(t *testing.T) {
	s := newSite(t)
	c := s.client()
	sign := func(password string) answer {
		return c.post("/sessions", object{"email": stand.Reader, "password": password, "tenant": stand.Tenant})
	}
	for range 5 {
		c.is("a failure", sign("Wrong-1-password"), http.StatusUnauthorized, "wrong-password")
	}
	c.lang = "de-CH"
	a := sign(stand.Password)
	c.is("locked", a, http.StatusTooManyRequests, "locked-out")
	if a.Header.Get("Retry-After") == "" || !strings.Contains(a.text, "15 Minuten") || a.Header.Get("Content-Language") != "de" {
		t.Errorf("%v %s", a.Header, a.text)
	}
}

// People, requests, addresses and sources are managed as on the pages.
func TestOffice(t *testing.T) {
	s := newSite(t)
	a, k := s.client().signIn(admin), s.client().signIn(stand.Keeper)
	email := s.fresh(a)
	person := a.get("/people").find("email", email)
	if person["state"] != "active" || person["role"] != "reader" {
		t.Fatal(person)
	}
	at := "/people/" + str(person["id"])
	tag := a.get(at).Header.Get("ETag")
	change := a.do(http.MethodPut, at+"/role", object{"role": "auditor"}, with("If-Match", tag))
	a.is("a role that reads the archive", change, http.StatusAccepted, "")
	asked, _ := change.body["request"].(map[string]any)
	id := str(asked["id"])
	if asked["state"] != "open" || asked["not_before"] == nil {
		t.Error(change.text)
	}
	k.is("too early", k.post("/requests/"+id+"/approve", nil), http.StatusForbidden, "denied")
	k.is("withdrawn by another", k.post("/requests/"+id+"/withdraw", nil), http.StatusForbidden, "denied")
	k.is("rejected", k.post("/requests/"+id+"/reject", nil), http.StatusOK, "")
	k.is("rejected twice", k.post("/requests/"+id+"/reject", nil), http.StatusConflict, "conflict")
	if got := a.get("/requests/" + id); got.str("state") != "rejected" || got.str("decider_email") != stand.Keeper {
		t.Error(got.text)
	}
	k.is("an address", k.post(at+"/addresses", object{"address": "sales@" + stand.Domain}), http.StatusCreated, "")
	wish := a.post(at+"/addresses", object{"address": "more@" + stand.Domain})
	a.is("an administrator's wish", wish, http.StatusAccepted, "")
	if got := k.get(at); !strings.Contains(got.text, "sales@") {
		t.Error(got.text)
	}
	k.is("taken away", k.do(http.MethodDelete, at+"/addresses/sales%40"+stand.Domain, nil), http.StatusNoContent, "")
	k.is("an address elsewhere", k.post(at+"/addresses", object{"address": "x@elsewhere.example"}), http.StatusUnprocessableEntity, "invalid")

	// A domain that is almost the tenant's is confirmed by its name; nothing that was sent is in errors.
	mistyped := object{"email": "typo@stnad.example", "role": "reader"}
	doubt := a.post("/invitations", mistyped)
	a.is("a mistyped domain", doubt, http.StatusUnprocessableEntity, "confirm")
	if list, _ := doubt.body["errors"].([]any); len(list) != 1 || !strings.Contains(doubt.text, `"location":"body.confirm_domain"`) || !strings.Contains(doubt.str("detail"), "looks like "+stand.Domain) {
		t.Error(doubt.text)
	}
	mistyped["confirm_domain"] = "stadn.example"
	a.is("another one confirmed", a.post("/invitations", mistyped), http.StatusUnprocessableEntity, "confirm")
	mistyped["confirm_domain"] = "stnad.example"
	a.is("confirmed", a.post("/invitations", mistyped), http.StatusCreated, "")
	a.is("a stranger", a.post("/invitations", object{"email": "audit@auditors.example", "role": "reader"}), http.StatusCreated, "")

	added := a.post("/sources", object{"name": "exchange", "address": "journal@" + stand.Domain, "sign_in": true, "form": "reports"})
	a.is("a source", added, http.StatusCreated, "")
	if len(added.str("secret")) < 32 {
		t.Error(added.text)
	}
	source := "/sources/" + added.str("id")
	a.is("of the same name", a.post("/sources", object{"name": "exchange", "address": "journal@" + stand.Domain, "sign_in": true, "form": "reports"}), http.StatusConflict, "conflict")
	a.is("from everywhere", a.post("/sources", object{"name": "all", "address": "journal@" + stand.Domain, "networks": []string{"0.0.0.0/0"}, "form": "copies"}), http.StatusUnprocessableEntity, "invalid")
	if got := a.get(source); got.StatusCode != http.StatusOK || strings.Contains(got.text, added.str("secret")) {
		t.Error(got.text)
	}
	fresh := a.post(source+"/secret", object{})
	a.is("a new secret", fresh, http.StatusOK, "")
	if fresh.str("secret") == added.str("secret") {
		t.Error("the secret is the old one")
	}
	a.is("removed", a.do(http.MethodDelete, source, nil), http.StatusNoContent, "")
	a.is("removed twice", a.do(http.MethodDelete, source, nil), http.StatusNotFound, "not-found")
	if got := a.get("/sources"); got.find("id", "lmtp")["built_in"] == nil || !strings.Contains(got.text, `"counts":{"sealed":1,"log":1,"whole":true}`) {
		t.Error(got.text)
	}

	a.is("reset", a.post(at+"/reset", nil), http.StatusOK, "")
	a.is("removed", a.do(http.MethodDelete, at, nil), http.StatusNoContent, "")
	a.is("removed twice", a.do(http.MethodDelete, at, nil), http.StatusConflict, "conflict")
	keeper := str(a.get("/people").find("email", stand.Keeper)["id"])
	last := a.do(http.MethodDelete, "/people/"+keeper, nil)
	if last.StatusCode < 400 || last.StatusCode >= 500 {
		t.Errorf("the last keeper is removed: %d", last.StatusCode)
	}
}
