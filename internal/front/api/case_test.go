package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"siegel/test/stand"
)

// dossierOf is a case for the reader.
func dossierOf(name string) object {
	return object{"name": name, "email": stand.Reader, "q": "invoice", "reason": "order 17 secret", "until": time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)}
}

// dossier opens a case for the reader and returns its id.
func (s *site) dossier(k *client, name string) string {
	s.Helper()
	made := k.post("/cases", dossierOf(name))
	k.is("a case", made, http.StatusCreated, "")
	if at := made.Header.Get("Location"); at != "/api/v1/cases/"+made.str("id") {
		s.Errorf("the case is at %q", at)
	}
	return made.str("id")
}

// RT-14, EX-06, EX-18: a keeper gives a case, who gets it searches and reads there alone,
// a cursor stays in it, and when it is ended nothing is left.
func TestCases(t *testing.T) {
	s := newSite(t)
	for _, subject := range []string{"invoice 1", "invoice 2", "invoice 3", "holiday"} {
		s.sendTo("From: a@a.example\r\nTo: sales@"+stand.Domain+"\r\nSubject: "+subject+"\r\n\r\ncanary inside\r\n", "sales@"+stand.Domain)
	}
	k := s.client().signIn(stand.Keeper)
	k.is("to nobody", k.post("/cases", but(dossierOf("x"), "email", "nobody@"+stand.Domain)), http.StatusNotFound, "not-found")
	k.is("to a keeper", k.post("/cases", but(dossierOf("x"), "email", stand.Keeper)), http.StatusUnprocessableEntity, "invalid")
	k.is("that has ended", k.post("/cases", but(dossierOf("x"), "until", "2020-01-01T00:00:00Z")), http.StatusUnprocessableEntity, "invalid")
	k.is("of no search", k.post("/cases", but(dossierOf("x"), "q", "colour:red")), http.StatusUnprocessableEntity, "query")
	key := with("Idempotency-Key", "give")
	body := dossierOf("Tax audit")
	made := k.post("/cases", body, key)
	k.is("given", made, http.StatusCreated, "")
	again := k.post("/cases", body, key)
	k.is("given again", again, http.StatusCreated, "")
	if again.text != made.text || again.Header.Get("Idempotency-Replayed") != "true" || len(k.get("/cases").items()) != 1 {
		t.Errorf("it was given twice: %s %s", made.text, again.text)
	}
	if strings.Contains(made.text, "secret") || strings.Contains(made.text, "Tax") || strings.Contains(made.text, "invoice") {
		t.Errorf("what is sealed stands in an answer that is kept: %s", made.text)
	}
	id := made.str("id")
	filled := k.post("/cases/"+id+"/fill", nil)
	k.is("filled", filled, http.StatusOK, "")
	if !yes(filled.body["whole"]) || filled.body["messages"] != 3.0 || filled.str("email") != stand.Reader || filled.str("reason") != "order 17 secret" {
		t.Error(filled.text)
	}
	r := s.client().signIn(stand.Reader)
	mine := r.get("/cases")
	r.is("hers", mine, http.StatusOK, "")
	if one := mine.find("id", id); one["name"] != "Tax audit" || !yes(one["open"]) || one["email"] != stand.Reader {
		t.Error(mine.text)
	}
	found := r.get("/messages?q=canary&limit=2&case=" + id)
	r.is("a search in it", found, http.StatusOK, "")
	if len(found.items()) != 2 || found.body["total"] != 3.0 || strings.Contains(found.text, "holiday") {
		t.Error(found.text)
	}
	cursor := found.str("next_cursor")
	if rest := r.get("/messages?q=canary&limit=2&case=" + id + "&cursor=" + cursor); len(rest.items()) != 1 {
		t.Errorf("the second page: %s", rest.text)
	}
	r.is("its cursor outside", r.get("/messages?q=canary&limit=2&cursor="+cursor), http.StatusUnprocessableEntity, "invalid")
	if out := r.get("/messages?q=canary"); len(out.items()) != 1 || strings.Contains(out.text, "invoice") {
		t.Errorf("outside of it: %s", out.text)
	}
	message := "/messages/" + str(found.items()[0]["id"])
	r.is("a message in it", r.get(message), http.StatusOK, "")
	r.is("its conversation", r.get(message+"/conversation?case="+id), http.StatusOK, "")
	r.is("outside of the case", r.get(message+"/conversation"), http.StatusNotFound, "not-found")
	r.is("in no case of hers", r.get(message+"/conversation?case="+strings.Repeat("0", 32)), http.StatusNotFound, "not-found")
	history := k.get(message + "/history")
	k.is("its history", history, http.StatusOK, "")
	if !strings.Contains(history.text, `"kind":"case","name":"Tax audit","id":"`+id+`"`) || !strings.Contains(history.text, stand.Reader) {
		t.Errorf("the keeper does not see the case: %s", history.text)
	}
	k.is("the keeper in it", k.get("/messages?q=canary&case="+id), http.StatusNotFound, "not-found")
	tag := k.get("/cases/" + id).Header.Get("ETag")
	if same := k.get("/cases/"+id, with("If-None-Match", tag)); tag == "" || same.StatusCode != http.StatusNotModified {
		t.Errorf("%q: %d", tag, same.StatusCode)
	}
	k.is("ended", k.do(http.MethodDelete, "/cases/"+id, nil), http.StatusNoContent, "")
	k.is("ended twice", k.do(http.MethodDelete, "/cases/"+id, nil), http.StatusConflict, "conflict")
	k.is("filled afterwards", k.post("/cases/"+id+"/fill", nil), http.StatusConflict, "conflict")
	r.is("her search afterwards", r.get("/messages?q=canary&case="+id), http.StatusConflict, "conflict")
	r.is("her message afterwards", r.get(message), http.StatusNotFound, "not-found")
	if got := k.get("/cases/" + id); yes(got.body["open"]) || got.body["ended"] == nil || got.body["messages"] != 3.0 {
		t.Error(got.text)
	}
}

// but returns an object with another value for a name.
func but(o object, name string, value any) object {
	o[name] = value
	return o
}
