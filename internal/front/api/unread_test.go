package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/paper"
	"siegel/test/stand"
)

// TestMain is the process that reads documents too, as the product has it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == app.ExtractWord {
		os.Exit(app.Extract(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// is is what a field of an answer says, in words.
func is(o map[string]any, name string) string { return fmt.Sprint(o[name]) }

// EX-04, EX-18: which attachment no search can read, and why, stands with the message and
// with the hit; of the others nothing is said.
func TestUnread(t *testing.T) {
	s := begin(t, false, app.Options{Extractor: []string{os.Args[0], app.ExtractWord}})
	attach := func(name string, octets []byte) string {
		return "--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=" + name + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString(octets) + "\r\n"
	}
	s.send("From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: unread\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee below\r\n" +
		attach("plan.docx", paper.Docx("finch")[:80]) + attach("sound.docx", paper.Docx("sparrow")) + attach("old.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) +
		attach("printed.pdf", []byte("%PDF-1.4\n")) + attach("photo.png", []byte("\x89PNG\r\n\x1a\n\x00")) + "--x--\r\n")
	r := s.client().signIn(stand.Reader)
	var found answer
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if found = r.get("/messages?q=has:unreadable&excerpts=true"); len(found.items()) == 1 {
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("it is not found: %s", found.text)
		}
	}
	hit := found.items()[0]
	excerpt, _ := hit["excerpt"].(map[string]any)
	list, _ := excerpt["unread"].([]any)
	if is(hit, "unread") != "true" || is(hit, "waiting") != "true" || len(list) != 3 {
		t.Fatalf("the hit: %s", found.text)
	}
	for i, want := range []object{
		{"path": "2", "name": "plan.docx", "unread": "damaged"}, {"path": "4", "name": "old.doc", "unread": "unknown"}, {"path": "5", "name": "printed.pdf", "unread": "lacking"},
	} {
		one, _ := list[i].(map[string]any)
		for name, value := range want {
			if one[name] != value {
				t.Errorf("%s of %d is %v, want %v", name, i, one[name], value)
			}
		}
	}
	got := r.get("/messages/" + str(hit["id"]))
	r.is("the message", got, http.StatusOK, "")
	list, _ = got.body["attachments"].([]any)
	if len(list) != 5 {
		t.Fatalf("%d attachments: %s", len(list), got.text)
	}
	for i, want := range []any{"damaged", nil, "unknown", "lacking", nil} {
		one, _ := list[i].(map[string]any)
		if one["unread"] != want || is(one, "waiting") != "false" {
			t.Errorf("attachment %d is %v, want %v", i, one, want)
		}
	}
}

// Where nobody has read attachments yet, it is said of those that are worth it.
func TestWaiting(t *testing.T) {
	s := newSite(t)
	r := s.client().signIn(stand.Reader)
	hit := r.get("/messages?q=has:waiting&excerpts=true").items()
	if len(hit) != 1 || is(hit[0], "waiting") != "true" || is(hit[0], "unread") != "false" {
		t.Fatalf("the hits: %v", hit)
	}
	list, _ := r.get("/messages/" + str(hit[0]["id"])).body["attachments"].([]any)
	if one, _ := list[0].(map[string]any); len(list) != 1 || is(one, "waiting") != "true" || one["unread"] != nil {
		t.Errorf("the attachments: %v", list)
	}
}
