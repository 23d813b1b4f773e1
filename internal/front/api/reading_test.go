package api_test

import (
	"net/http"
	"strings"
	"testing"

	"siegel/test/stand"
)

// parts is a message with attachments that are not what they seem.
const parts = "From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
	"--x\r\n\r\nsee the attachments\r\n" +
	"--x\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename=\"photo.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA\r\n" +
	"--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%E2%80%AEfdp.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n" +
	"--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"../../etc/pass\\\"wd\"\r\n\r\nroot\r\n" +
	"--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: inner@a.example\r\nSubject: inner\r\n\r\ninside\r\n" +
	"--x\r\nContent-Type: application/x-empty\r\nContent-Disposition: attachment; filename=empty\r\n\r\n\r\n--x--\r\n"

// EX-05, EX-18: no header reads other than it is, in lists and messages; the octets stay.
func TestTurnedHeader(t *testing.T) {
	s := newSite(t)
	const octets = "From: =?utf-8?Q?Bank_=E2=80=AE=3Cmoc=2Eknab=40ofni=3E?= <evil@x.example>\r\nTo: " + stand.Reader + "\r\nSubject: invoice =?utf-8?Q?=E2=80=AEgnp=2Eexe?=\r\n\r\ntext\r\n"
	s.send(octets)
	r := s.client().signIn(stand.Reader)
	list := r.get("/messages?q=subject:invoice&excerpts=true")
	message := "/messages/" + str(list.items()[0]["id"])
	got := r.get(message)
	for what, a := range map[string]answer{"list": list, "message": got, "conversation": r.get(message + "/conversation")} {
		r.is(what, a, http.StatusOK, "")
		if strings.Contains(a.text, "\u202E") || strings.Contains(a.text, `\u202e`) || !strings.Contains(a.text, "invoice \uFFFDgnp.exe") || !strings.Contains(a.text, "Bank \uFFFD") {
			t.Errorf("%s: %s", what, a.text)
		}
	}
	straight := r.get("/messages/" + str(r.first("/messages?q=canary")["id"]))
	if !yes(got.body["odd_header"]) || yes(straight.body["odd_header"]) {
		t.Error("what is odd is not said, or what is not is")
	}
	if raw := r.direct().get(message + "/raw"); raw.text != octets {
		t.Errorf("%q", raw.text)
	}
}

// EX-05, EX-18: attachments are listed with true type and size and fetched by their paths,
// and what is no attachment is not there.
func TestAttachments(t *testing.T) {
	s := newSite(t)
	s.send(parts)
	r := s.client().signIn(stand.Reader)
	message := "/messages/" + str(r.first("/messages?q=subject:parts")["id"])
	got := r.get(message)
	r.is("the message", got, http.StatusOK, "")
	list, _ := got.body["attachments"].([]any)
	if len(list) != 5 {
		t.Fatalf("%d attachments: %s", len(list), got.text)
	}
	for i, want := range []object{
		{"path": "2", "name": "photo.jpg", "type": "image/jpeg", "type_by_content": "application/x-msdownload", "odd_name": false, "size": 12.0},
		{"path": "3", "name": "\uFFFDfdp.exe", "type": "application/pdf", "type_by_content": nil, "odd_name": true, "size": 9.0},
		{"path": "4", "type": "text/plain", "type_by_content": nil, "odd_name": false, "size": 4.0},
		{"path": "5", "type": "message/rfc822", "type_by_content": nil},
		{"path": "6", "name": "empty", "size": 0.0},
	} {
		one, _ := list[i].(map[string]any)
		for name, value := range want {
			if one[name] != value {
				t.Errorf("%s of attachment %d is %v, want %v", name, i, one[name], value)
			}
		}
	}
	for path, want := range map[string]struct{ name, text string }{
		"2": {"filename=photo.jpg", "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00"}, "3": {"fdp.exe", "%PDF-1.4\n"}, "4": {"filename=pass_wd", "root"},
		"5": {"filename=inner.eml", "From: inner@a.example\r\nSubject: inner\r\n\r\ninside"}, "6": {"filename=empty", ""},
	} {
		a := r.direct().get(message + "/attachments/" + path) // Prism passes on text
		if a.StatusCode != http.StatusOK || a.text != want.text || a.Header.Get("Content-Type") != "application/octet-stream" ||
			!strings.Contains(a.Header.Get("Content-Disposition"), want.name) || a.Header.Get("Content-Security-Policy") != "sandbox" {
			t.Errorf("%s: %d %v %q", path, a.StatusCode, a.Header, a.text)
		}
	}
	r.is("through Prism", r.get(message+"/attachments/4"), http.StatusOK, "")
	for _, path := range []string{"1", "7", "1.1", "TEXT", "..%2f4", strings.Repeat("9", 900)} {
		r.is("no part "+path, r.get(message+"/attachments/"+path), http.StatusNotFound, "not-found")
	}
	k := s.client().signIn(stand.Keeper)
	k.is("without a reason", k.get(message+"/attachments/4"), http.StatusUnprocessableEntity, "reason")
	k.is("with punctuation", k.post(message+"/attachments/4", object{"reason": "..."}), http.StatusUnprocessableEntity, "reason")
	if a := k.post(message+"/attachments/5", object{"reason": "case 17"}); a.StatusCode != http.StatusOK || !strings.HasSuffix(a.text, "inside") {
		t.Errorf("with a reason: %d %q", a.StatusCode, a.text)
	}
	if e := k.get("/events?what=message.open"); !strings.Contains(e.text, "case 17") {
		t.Errorf("the audit trail has no reason: %s", e.text)
	}
}

// EX-04, EX-18: searches are kept for who saves them, once under one key, and nobody else
// has them or ends them.
func TestSavedSearches(t *testing.T) {
	s := newSite(t)
	r, k := s.client().signIn(stand.Reader), s.client().signIn(stand.Keeper)
	if got := r.get("/saved_searches"); got.StatusCode != http.StatusOK || len(got.items()) != 0 {
		t.Error(got.text)
	}
	key := with("Idempotency-Key", "save")
	made := r.post("/saved_searches", object{"name": "Offers", "q": "subject:angebot secret", "order": "oldest"}, key)
	r.is("saved", made, http.StatusCreated, "")
	r.is("again", r.post("/saved_searches", object{"name": "Offers", "q": "subject:angebot secret", "order": "oldest"}, key), http.StatusCreated, "")
	r.is("without a name", r.post("/saved_searches", object{"q": "canary"}), http.StatusCreated, "")
	r.is("a mistake", r.post("/saved_searches", object{"q": "colour:red"}), http.StatusUnprocessableEntity, "query")
	if strings.Contains(made.text, "secret") || strings.Contains(made.text, "Offers") {
		t.Errorf("what is sealed stands in an answer that is kept: %s", made.text)
	}
	list := r.get("/saved_searches")
	r.is("the list", list, http.StatusOK, "")
	one := list.find("id", made.str("id"))
	if len(list.items()) != 2 || one["name"] != "Offers" || one["q"] != "subject:angebot secret" || one["order"] != "oldest" || list.find("q", "canary")["name"] != "canary" ||
		list.find("q", "canary")["order"] != "newest" {
		t.Error(list.text)
	}
	if got := k.get("/saved_searches"); got.StatusCode != http.StatusOK || len(got.items()) != 0 {
		t.Errorf("another has them: %s", got.text)
	}
	at := "/saved_searches/" + made.str("id")
	k.is("another's", k.do(http.MethodDelete, at, nil), http.StatusNotFound, "not-found")
	r.is("deleted", r.do(http.MethodDelete, at, nil), http.StatusNoContent, "")
	r.is("deleted twice", r.do(http.MethodDelete, at, nil), http.StatusNotFound, "not-found")
	if got := r.get("/saved_searches"); len(got.items()) != 1 {
		t.Error(got.text)
	}
}

// EV-09, EX-18: who holds the archive sees who opened a message; a reader learns for whom
// it is sealed as far as she may, and of nobody who read it.
func TestHistory(t *testing.T) {
	s := newSite(t)
	k, r := s.client().signIn(stand.Keeper), s.client().signIn(stand.Reader)
	message := "/messages/" + str(k.first("/messages?q=canary")["id"])
	before := k.get(message + "/history")
	k.is("before", before, http.StatusOK, "")
	if seen, _ := before.body["seen"].([]any); len(seen) != 0 || !yes(before.body["all"]) || before.body["seen_since"] == nil || yes(before.body["seen_cut"]) {
		t.Error(before.text)
	}
	k.is("opened", k.post(message+"/open", object{"reason": "case 17"}), http.StatusOK, "")
	r.is("opened by its reader", r.get(message), http.StatusOK, "")
	after := k.get(message + "/history")
	k.is("after", after, http.StatusOK, "")
	seen, _ := after.body["seen"].([]any)
	if len(seen) != 2 || !strings.Contains(after.text, `"kind":"archive"`) || !strings.Contains(after.text, `"kind":"person","name":"`+stand.Reader+`"`) {
		t.Fatal(after.text)
	}
	last, _ := seen[0].(map[string]any)
	first, _ := seen[1].(map[string]any)
	if last["who_email"] != stand.Reader || first["who_email"] != stand.Keeper || first["note"] != "case 17" || first["what"] != "message.open" {
		t.Errorf("newest first: %v %v", last, first)
	}
	hers := r.get(message + "/history")
	r.is("the reader's", hers, http.StatusOK, "")
	if list, _ := hers.body["seen"].([]any); len(list) != 0 || yes(hers.body["all"]) || strings.Contains(hers.text, "case 17") || strings.Contains(hers.text, stand.Keeper) {
		t.Error(hers.text)
	}
}

// OP-08, EX-18: the state is what the start page shows, as far as each role may know.
func TestState(t *testing.T) {
	s := newSite(t)
	r, k, a := s.client().signIn(stand.Reader), s.client().signIn(stand.Keeper), s.client().signIn(admin)
	s.ok(s.app.ProofNow(s.Context()))
	got := r.get("/state")
	r.is("a reader's", got, http.StatusOK, "")
	if lag, _ := got.body["index"].(map[string]any); got.body["messages"] != 1.0 || lag["pending"] == nil || lag["waiting"] == nil || got.body["proof"] != nil {
		t.Error(got.text)
	}
	for what, c := range map[string]*client{"a keeper's": k, "an administrator's": a} {
		got := c.get("/state")
		c.is(what, got, http.StatusOK, "")
		proof, _ := got.body["proof"].(map[string]any)
		if n, _ := proof["entries"].(float64); n < 1 || proof["checkpoint"] == nil || proof["timestamp"] == nil || proof["problems"] != 0.0 {
			t.Errorf("%s: %s", what, got.text)
		}
		found := false
		list, _ := got.body["sources"].([]any)
		for _, one := range list {
			w, _ := one.(map[string]any)
			found = found || w["last"] != nil && w["week"] == 1.0 && !yes(w["silent"])
		}
		if !found {
			t.Errorf("%s: no source says that something arrived: %s", what, got.text)
		}
	}
	if got := a.get("/state"); got.body["messages"] != nil || got.body["index"] != nil {
		t.Errorf("an administrator reads nothing: %s", got.text)
	}
}
