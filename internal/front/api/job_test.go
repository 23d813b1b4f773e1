package api_test

import (
	"archive/zip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"siegel/test/stand"
)

// ended waits until a job has ended, with the ETag that the caller has, and returns it.
func (c *client) ended(at string) answer {
	c.Helper()
	var a answer
	tag := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		again := c.get(at, with("If-None-Match", tag))
		if again.StatusCode == http.StatusNotModified {
			continue
		}
		c.is("a job", again, http.StatusOK, "")
		if a, tag = again, again.Header.Get("ETag"); a.body["ended"] != nil {
			return a
		}
	}
	c.Fatalf("the job has not ended: %s", a.text)
	return a
}

// within returns an object that stands in another.
func within(m map[string]any, name string) map[string]any {
	out, _ := m[name].(map[string]any)
	return out
}

// EX-02, EX-18, CR-09, D16: what a search finds is exported by a job, once under one key,
// encrypted unless there is a reason; its person reads how far it is, takes the parts away,
// in pieces too, and deletes it, and nobody else learns that there is one.
func TestExportJob(t *testing.T) {
	s := newSite(t)
	r, k, a := s.client().signIn(stand.Reader), s.client().signIn(stand.Keeper), s.client().signIn(admin)
	key := with("Idempotency-Key", "export")
	body := object{"q": "canary Hello", "format": "eml"}
	made := r.post("/jobs/export", body, key)
	r.is("begun", made, http.StatusCreated, "")
	at := "/jobs/" + made.str("id")
	if made.Header.Get("Location") != "/api/v1"+at || made.str("kind") != "export" || made.body["total"] != 1.0 || strings.Contains(made.text, "canary") || strings.Contains(made.text, "password") {
		t.Errorf("what is sealed stands in an answer that is kept, or it says too little: %v %s", made.Header, made.text)
	}
	again := r.post("/jobs/export", body, key)
	r.is("begun again", again, http.StatusCreated, "")
	if again.text != made.text || len(r.get("/jobs").items()) != 1 {
		t.Errorf("two jobs were begun: %s %s", made.text, again.text)
	}
	done := r.ended(at)
	what := within(done.body, "export")
	if done.str("state") != "done" || what["q"] != "canary Hello" || what["format"] != "eml" || len(str(what["password"])) != 39 || done.body["done"] != 1.0 || done.body["regrant"] != nil {
		t.Error(done.text)
	}
	list := r.get("/jobs")
	r.is("the list", list, http.StatusOK, "")
	if one := list.find("id", made.str("id")); one["state"] != "done" || within(one, "export")["q"] != "canary Hello" || strings.Contains(list.text, str(what["password"])) {
		t.Error(list.text)
	}
	s.pieces(r.direct(), at+"/parts/1")
	r.is("through Prism", r.get(at+"/parts/1"), http.StatusOK, "")
	for _, c := range []*client{k, a} {
		s.absent(c, made.str("id"))
		if got := c.get("/jobs"); got.StatusCode != http.StatusOK || len(got.items()) != 0 {
			t.Errorf("somebody else's list: %s", got.text)
		}
	}
	for _, part := range []string{"2", "0", "01", "x", "-1", "99999999999999999999"} {
		r.is("no part "+part, r.get(at+"/parts/"+part), http.StatusNotFound, "not-found")
	}
	r.is("from another site", r.direct().get(at+"/parts/1", with("Sec-Fetch-Site", "cross-site")), http.StatusForbidden, "foreign")
	r.is("cancelled after its end", r.post(at+"/cancel", nil), http.StatusConflict, "conflict")
	if got := k.get("/events?what=job."); strings.Count(got.text, "job.download") < 4 || !strings.Contains(got.text, "job.begin") || !strings.Contains(got.text, "job.end") {
		t.Errorf("the audit trail: %s", got.text)
	}
	r.is("deleted", r.do(http.MethodDelete, at, nil), http.StatusNoContent, "")
	r.is("deleted twice", r.do(http.MethodDelete, at, nil), http.StatusNotFound, "not-found")
	s.absent(r, made.str("id"))
}

// absent checks that a job is as absent for somebody as one that there never was.
func (s *site) absent(c *client, id string) {
	s.Helper()
	for what, call := range map[string]func(id string) answer{
		"reading":    func(id string) answer { return c.get("/jobs/" + id) },
		"a part":     func(id string) answer { return c.get("/jobs/" + id + "/parts/1") },
		"cancelling": func(id string) answer { return c.post("/jobs/"+id+"/cancel", nil) },
		"deleting":   func(id string) answer { return c.do(http.MethodDelete, "/jobs/"+id, nil) },
	} {
		got, none := call(id), call(strings.Repeat("0", 32))
		c.is(what, got, http.StatusNotFound, "not-found")
		if got.text != none.text {
			s.Errorf("%s: the answer says more: %s %s", what, got.text, none.text)
		}
	}
}

// pieces takes a part away, at once and in pieces.
func (s *site) pieces(c *client, at string) {
	s.Helper()
	whole := c.get(at)
	z, err := zip.NewReader(strings.NewReader(whole.text), int64(len(whole.text)))
	if err != nil || whole.StatusCode != http.StatusOK || whole.ContentLength != int64(len(whole.text)) || whole.Header.Get("Content-Type") != "application/zip" ||
		!strings.Contains(whole.Header.Get("Content-Disposition"), "attachment; filename=siegel-") {
		s.Fatalf("the part: %d %v %v", whole.StatusCode, whole.Header, err)
	}
	if len(z.File) != 2 || z.File[0].Method != 99 { // AE-2, under the password
		s.Errorf("%d files, method %d", len(z.File), z.File[0].Method)
	}
	tag := whole.Header.Get("ETag")
	rest := c.get(at, with("Range", "bytes=100-"), with("If-Range", tag))
	c.is("the rest", rest, http.StatusPartialContent, "")
	if rest.text != whole.text[100:] {
		s.Errorf("%d octets of %d", len(rest.text), len(whole.text))
	}
	if other := c.get(at, with("Range", "bytes=100-"), with("If-Range", `"other"`)); other.StatusCode != http.StatusOK || other.text != whole.text {
		s.Errorf("of another file: %d", other.StatusCode)
	}
	if same := c.get(at, with("If-None-Match", tag)); same.StatusCode != http.StatusNotModified || same.text != "" {
		s.Errorf("which the client has: %d", same.StatusCode)
	}
	beyond := c.get(at, with("Range", "bytes=999999999-"))
	c.is("beyond the end", beyond, http.StatusRequestedRangeNotSatisfiable, "range")
	if beyond.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(whole.text)) || beyond.Header.Get("Content-Disposition") != "" {
		s.Errorf("%v", beyond.Header)
	}
	c.is("if it were another", c.get(at, with("If-Match", `"other"`)), http.StatusPreconditionFailed, "changed")
}

// D16, CR-09: what is plain takes a reason, and so does mail of others, which the audit
// trail has; what cannot be exported is told at once.
func TestExportPlain(t *testing.T) {
	s := newSite(t)
	r, k, a := s.client().signIn(stand.Reader), s.client().signIn(stand.Keeper), s.client().signIn(admin)
	r.is("without a reason", r.post("/jobs/export", object{"q": "canary", "plain": true}), http.StatusUnprocessableEntity, "invalid")
	k.is("mail of others", k.post("/jobs/export", object{"q": "canary"}), http.StatusUnprocessableEntity, "invalid")
	r.is("a mistake", r.post("/jobs/export", object{"q": "colour:red"}), http.StatusUnprocessableEntity, "query")
	r.is("nothing", r.post("/jobs/export", object{"q": "zebra"}), http.StatusUnprocessableEntity, "invalid")
	r.is("a format that is none", r.wrong().post("/jobs/export", object{"format": "pst"}), http.StatusUnprocessableEntity, "invalid")
	a.is("an administrator", a.post("/jobs/export", object{"q": "canary"}), http.StatusForbidden, "denied")
	made := r.post("/jobs/export", object{"q": "canary", "format": "mbox", "plain": true, "reason": "the lawyer asks"})
	r.is("plain", made, http.StatusCreated, "")
	at := "/jobs/" + made.str("id")
	done := r.ended(at)
	if what := within(done.body, "export"); !yes(what["plain"]) || what["password"] != nil || what["reason"] != "the lawyer asks" {
		t.Error(done.text)
	}
	part := r.direct().get(at + "/parts/1")
	if !strings.Contains(part.text, "mail.mbox") {
		t.Errorf("the part is %d octets of something else", len(part.text))
	}
	if got := k.get("/events?what=export."); !strings.Contains(got.text, "the lawyer asks") {
		t.Errorf("the audit trail has no reason: %s", got.text)
	}
	all := r.post("/jobs/export", object{})
	r.is("all that one can read", all, http.StatusCreated, "")
	if done := r.ended("/jobs/" + all.str("id")); within(done.body, "export")["q"] != "" || done.body["done"] != 1.0 {
		t.Error(done.text)
	}
}

// OP-04, EX-18: a keeper gives older mail back by a job, and nobody else does.
func TestRegrantJob(t *testing.T) {
	s := newSite(t)
	r, k, a := s.client().signIn(stand.Reader), s.client().signIn(stand.Keeper), s.client().signIn(admin)
	s.sendTo("From: a@a.example\r\nTo: sales@"+stand.Domain+"\r\nSubject: older\r\n\r\ncanary\r\n", "sales@"+stand.Domain)
	person := str(k.get("/people").find("email", stand.Reader)["id"])
	k.is("an address", k.post("/people/"+person+"/addresses", object{"address": "sales@" + stand.Domain}), http.StatusCreated, "")
	if got := r.get("/messages?q=subject:older"); len(got.items()) != 0 {
		t.Fatalf("she reads it already: %s", got.text)
	}
	for what, c := range map[string]*client{"a reader": r, "an administrator": a} {
		known, nobody := c.post("/jobs/regrant", object{"email": stand.Reader}), c.post("/jobs/regrant", object{"email": "nobody@" + stand.Domain})
		c.is(what, known, http.StatusForbidden, "denied")
		if known.text != nobody.text {
			t.Errorf("%s learns who is there: %s %s", what, known.text, nobody.text)
		}
	}
	k.is("to nobody", k.post("/jobs/regrant", object{"email": "nobody@" + stand.Domain}), http.StatusNotFound, "not-found")
	key := with("Idempotency-Key", "regrant")
	made := k.post("/jobs/regrant", object{"email": stand.Reader}, key)
	k.is("begun", made, http.StatusCreated, "")
	if again := k.post("/jobs/regrant", object{"email": stand.Reader}, key); again.text != made.text || strings.Contains(made.text, stand.Reader) {
		t.Errorf("%s %s", made.text, again.text)
	}
	done := k.ended("/jobs/" + made.str("id"))
	if done.str("state") != "done" || done.body["gained"] != 1.0 || within(done.body, "regrant")["email"] != stand.Reader || done.body["export"] != nil {
		t.Error(done.text)
	}
	if got := r.get("/messages?q=subject:older"); len(got.items()) != 1 {
		t.Errorf("she does not read it: %s", got.text)
	}
	k.is("a part of it", k.get("/jobs/"+made.str("id")+"/parts/1"), http.StatusNotFound, "not-found")
}
