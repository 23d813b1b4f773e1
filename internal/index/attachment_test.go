package index_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/extract"
	"siegel/internal/index/record"
	"siegel/internal/mail"
	"siegel/internal/proto/document"
	"siegel/internal/vault/db"
	"siegel/test/paper"
	"siegel/test/stand"
)

// TestMain is the process that reads documents too, as the product has it; but for PDF
// that says what it does to its reader.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "obedient" {
		_ = extract.Child{PDF: obey}.Serve(os.Stdin, os.Stdout)
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == app.ExtractWord {
		os.Exit(app.Extract(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func obey(pdf []byte, _ int) (string, error) {
	switch {
	case bytes.Contains(pdf, []byte("exit")):
		os.Exit(1)
	case bytes.Contains(pdf, []byte("sleep")):
		time.Sleep(300 * time.Millisecond)
	case bytes.Contains(pdf, []byte("hang")):
		select {}
	}
	return "obedient words", nil
}

// extractor is the command that reads documents; pdf says whether PDF too.
func extractor(pdf bool) []string {
	command := []string{os.Args[0], app.ExtractWord}
	if pdf {
		path, err := exec.LookPath("pdftotext")
		if err != nil {
			panic("pdftotext is missing: scripts/deps.sh test")
		}
		command = append(command, path)
	}
	return command
}

// with opens the directory so that attachments are read, and signs somebody in.
func (w *world) with(email string, command []string) (*app.App, *identity.Session) {
	w.t.Helper()
	a, err := stand.Open(w.t.Context(), app.Options{Dir: w.dir, Log: slog.New(slog.DiscardHandler), Extractor: command})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := a.Identity.SignIn(w.t.Context(), stand.Tenant, mail.Address(email), []byte(stand.Password))
	if err != nil {
		w.t.Fatal(err)
	}
	w.stop = func() {
		s.Close()
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}
	return a, s
}

// file is an attachment of a message.
type file struct {
	name, kind string
	octets     []byte
}

// parcel returns a message with attachments; without a subject it says nothing else.
func parcel(subject string, files ...file) []byte {
	var b bytes.Buffer
	if subject != "" {
		fmt.Fprintf(&b, "Subject: %s\r\nFrom: a@b.example\r\n", subject)
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=bb\r\n\r\n")
	if subject != "" {
		fmt.Fprintf(&b, "--bb\r\n\r\nbody of %s\r\n", subject)
	}
	for _, f := range files {
		fmt.Fprintf(&b, "--bb\r\nContent-Type: %s; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", f.kind, f.name)
		text := base64.StdEncoding.EncodeToString(f.octets)
		for len(text) > 76 {
			b.WriteString(text[:76] + "\r\n")
			text = text[76:]
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("--bb--\r\n")
	return b.Bytes()
}

// put takes messages in.
func (w *world) put(a *app.App, messages map[string][]byte) {
	w.t.Helper()
	defer w.commit(a)()
	for name, octets := range messages {
		id, err := stand.Put(w.t.Context(), a, time.Now(), octets, stand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		w.ids[id.String()] = name
	}
}

// until reads attachments until none waits that can be read, and returns how far it is.
func until(t *testing.T, a *app.App, s *identity.Session) index.Lag {
	t.Helper()
	l, err := a.Index.CatchUp(t.Context(), s, index.Wait{Attachments: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const octetStream = "application/octet-stream"

func kinds() map[string][]byte {
	return map[string][]byte{
		"pdf":   parcel("one", file{"a.pdf", "application/pdf", paper.Pdf("Übernahme der Gläubiger")}),
		"docx":  parcel("two", file{"b.docx", octetStream, paper.Docx("the quarterly turnover", "second")}),
		"xlsx":  parcel("three", file{"c.xlsx", octetStream, paper.Xlsx("turnover", "Straße")}),
		"pptx":  parcel("four", file{"d.pptx", octetStream, paper.Pptx("a slide")}),
		"odt":   parcel("five", file{"e.odt", "application/vnd.oasis.opendocument.text", paper.Odt("ein Gutachten")}),
		"rtf":   parcel("six", file{"f.rtf", "text/rtf", paper.Rtf("Vollmacht für Müller")}),
		"zip":   parcel("seven", file{"g.zip", "application/zip", paper.Zip(paper.Member{Name: "inside.pdf", Octets: paper.Pdf("zipped gutachten")})}),
		"eml":   parcel("eight", file{"h.eml", octetStream, parcel("nested", file{"i.docx", octetStream, paper.Docx("nested turnover")})}),
		"plain": parcel("nine", file{"j.txt", "text/plain", []byte("plain turnover")}),
		"none":  []byte("Subject: ten\r\n\r\nturnover\r\n"),
	}
}

// EX-04, BX-07: what stands in attachments is found when an open session has read them;
// the message is found by its own words before, and how many wait is said.
func TestAttachments(t *testing.T) {
	w := newWorld(t)
	a, s := w.open(stand.Keeper)
	w.put(a, kinds())
	if got := w.found(a, s, "turnover"); !slices.Equal(got, []string{"none", "plain"}) {
		t.Errorf("before: %q", got)
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "subject:one"})
	if err != nil || len(r.Hits) != 1 || !r.Hits[0].Waiting || r.Waiting != 8 || r.Unread != 0 {
		t.Errorf("before: %+v, %v", r, err)
	}
	w.stop()

	a, s = w.with(stand.Keeper, extractor(true))
	if l := until(t, a, s); l != (index.Lag{Indexed: 10}) {
		t.Errorf("afterwards: %+v", l)
	}
	check := func(a *app.App, s *identity.Session) {
		t.Helper()
		for text, want := range map[string]string{
			"turnover": "docx eml none plain xlsx", "uebernahme gläubiger": "pdf", "attachment:slide": "pptx", "gutachten": "odt zip",
			`"vollmacht fuer mueller"`: "rtf", "strasse": "xlsx", "body:turnover": "none", "subject:two turnover": "docx", "inside.pdf": "zip",
			"body -turnover -gutachten": "pdf pptx rtf",
		} {
			if got := strings.Join(w.found(a, s, text), " "); got != want {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		}
	}
	check(a, s)
	r, err = a.Index.Search(t.Context(), s, index.Request{Text: "attachment:gläubiger", Excerpts: true})
	if err != nil || len(r.Hits) != 1 || !r.Hits[0].Excerpt.Attached || bracketed(r.Hits[0].Excerpt.Text.Pieces()) != "Übernahme der [Gläubiger]" {
		t.Errorf("excerpt: %+v, %v", r, err)
	}
	events := 0
	err = a.Trail.List(t.Context(), s.Tenant(), s.Unlocked(), 1000, func(e audit.Entry) error {
		if e.What == "index.attachments" {
			events++
		}
		return nil
	})
	if err != nil || events != 1 {
		t.Errorf("%d events, %v", events, err)
	}
	w.stop()

	// Another holder's index takes the same records, without a reader, also when it is
	// made anew.
	for range 2 {
		a, s = w.open(stand.Reader)
		check(a, s)
		if l := until(t, a, s); l.Waiting != 0 {
			t.Errorf("the reader: %+v", l)
		}
		w.stop()
		if err := os.RemoveAll(w.dir + "/index"); err != nil {
			t.Fatal(err)
		}
	}
}

// An attachment that waits is read in the background while the session is open, and new
// records reach an index that was caught up before.
func TestBackground(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, extractor(true))
	defer func() { w.stop() }()
	other, err := a.Identity.SignIn(t.Context(), stand.Tenant, stand.Reader, []byte(stand.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.put(a, kinds())
	// The reader's session is caught up, and has nothing read, before the keeper's reads.
	if l, err := a.Index.CatchUp(t.Context(), s, index.Wait{}); err != nil || l.Waiting != 8 {
		t.Fatalf("%+v, %v", l, err)
	}
	deadline := time.Now().Add(time.Minute)
	for _, one := range []*identity.Session{s, other} {
		for {
			r, err := a.Index.Search(t.Context(), one, index.Request{Text: "turnover"})
			if err != nil {
				t.Fatal(err)
			}
			if r.Waiting == 0 && r.Total == 5 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v", r)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// A document that hangs its reader, or ends it, costs its own text: the message is found
// by its words and by its other attachments, and nobody tries again.
func TestHurtfulAttachments(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, []string{os.Args[0], "obedient"})
	defer func() { w.stop() }()
	w.put(a, map[string][]byte{
		"bad":     parcel("bad", file{"a.docx", octetStream, paper.Docx("before")}, file{"b.pdf", octetStream, []byte("%PDF- exit")}, file{"c.docx", octetStream, paper.Docx("behind")}),
		"good":    parcel("good", file{"a.pdf", octetStream, []byte("%PDF-")}),
		"cut":     parcel("cut", file{"a.docx", octetStream, paper.Docx("x")[:80]}),
		"locked":  parcel("locked", file{"a.zip", octetStream, paper.Zip(paper.Member{Name: "content.xml"}, paper.Member{Name: "META-INF/manifest.xml", Octets: []byte("<encryption-data>")})}),
		"tricky":  parcel("tricky", file{"../../x\\\u202Efdp.exe.pdf", octetStream, []byte("%PDF-")}),
		"picture": parcel("picture", file{"a.bin", octetStream, []byte("\x89PNG")}),
		"old":     parcel("old", file{"a.doc", "application/msword", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")}),
	})
	// EX-04: what cannot be read is found as such.
	if l := until(t, a, s); l != (index.Lag{Indexed: 7, Unread: 4}) {
		t.Errorf("%+v", l)
	}
	for text, want := range map[string]string{
		"body bad": "bad", "before behind": "bad", "obedient": "good tricky", "body cut": "cut", "body locked": "locked", "body picture": "picture", "has:unreadable": "bad cut locked old", "has:unreadable cut": "cut", "-has:unreadable subject:bad": "",
		"has:attachment -has:unreadable": "good picture tricky", "has:waiting": "",
	} {
		if got := strings.Join(w.found(a, s, text), " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "subject:bad"})
	if err != nil || len(r.Hits) != 1 || !r.Hits[0].Unread || r.Hits[0].Waiting {
		t.Errorf("%+v, %v", r, err)
	}
	// Which of them it is, and why, is said where they are found and where they are read.
	r, err = a.Index.Search(t.Context(), s, index.Request{Text: "has:unreadable", Excerpts: true})
	if err != nil || len(r.Hits) != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, h := range r.Hits {
		name := w.ids[h.ID.String()]
		want := map[string]record.Unread{
			"bad": {Part: "3", Name: "b.pdf", State: document.Failed}, "cut": {Part: "2", Name: "a.docx", State: document.Damaged},
			"locked": {Part: "2", Name: "a.zip", State: document.Encrypted}, "old": {Part: "2", Name: "a.doc", State: document.Unknown},
		}[name]
		if len(h.Excerpt.Unread) != 1 || h.Excerpt.Unread[0] != want {
			t.Errorf("%s: %+v, want %+v", name, h.Excerpt.Unread, want)
		}
		reads, err := a.Index.Reads(t.Context(), s, h.ID)
		if state, waiting := reads.Of(want.Part, want.Name, ""); err != nil || state != want.State || waiting {
			t.Errorf("%s: %+v, %v", name, reads, err)
		}
		if state, waiting := reads.Of("4", "c.docx", ""); state != document.Read || waiting {
			t.Errorf("%s: of another: %s", name, state)
		}
	}
}

// Without a program for PDF these wait, and the rest is read; they are read when it is
// there.
func TestLackingHelper(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, extractor(false))
	w.put(a, map[string][]byte{"both": parcel("both", file{"a.pdf", "application/pdf", paper.Pdf("printed")}, file{"b.docx", octetStream, paper.Docx("written")})})
	if l := until(t, a, s); l != (index.Lag{Indexed: 1, Waiting: 1}) {
		t.Errorf("without: %+v", l)
	}
	if got := len(w.found(a, s, "written")) + len(w.found(a, s, "printed")); got != 1 {
		t.Errorf("without: %d", got)
	}
	if got := strings.Join(w.found(a, s, "has:waiting -has:unreadable"), " "); got != "both" {
		t.Errorf("has:waiting found %q", got)
	}
	w.stop()
	a, s = w.with(stand.Keeper, extractor(true))
	defer w.stop()
	if l := until(t, a, s); l != (index.Lag{Indexed: 1}) {
		t.Errorf("with: %+v", l)
	}
	if got := w.found(a, s, "written printed"); len(got) != 1 {
		t.Errorf("with: %q", got)
	}
}

// A session that ends in the middle keeps what was read, gives back the rest at once,
// and the server stops at once.
func TestEndInBetween(t *testing.T) {
	w := newWorld(t)
	obedient := []string{os.Args[0], "obedient"}
	a, s := w.with(stand.Keeper, obedient)
	defer func() { w.stop() }()
	const n = 14 // less than a turn has
	messages := make(map[string][]byte)
	for i := range n {
		messages[fmt.Sprint("m", i)] = parcel(fmt.Sprint("m", i), file{"a.pdf", octetStream, []byte("%PDF- sleep")})
	}
	w.put(a, messages)
	left := int64(n)
	for wait := time.Second; left == n && wait < 20*time.Second; wait *= 2 { // a busy machine may take long to begin
		if _, err := a.Index.CatchUp(t.Context(), s, index.Wait{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		begin := time.Now()
		w.stop()
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
		a, s = w.with(stand.Keeper, nil)
		l, err := a.Index.CatchUp(t.Context(), s, index.Wait{})
		if err != nil {
			t.Fatal(err)
		}
		left = l.Waiting
		w.stop()
		a, s = w.with(stand.Keeper, obedient)
	}
	if left == 0 || left == n {
		t.Errorf("in between: %d wait", left)
	}
	if l := until(t, a, s); l != (index.Lag{Indexed: n}) {
		t.Errorf("afterwards: %+v", l)
	}
}

// A message whose reading ends the server again and again is given up.
func TestTries(t *testing.T) {
	w := newWorld(t)
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	a, err := stand.Open(t.Context(), app.Options{
		Dir: w.dir, Log: slog.New(slog.DiscardHandler), Extractor: []string{os.Args[0], "obedient"},
		Now: func() time.Time { return time.Unix(0, now.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := stand.SignIn(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.put(a, map[string][]byte{"m": parcel("m", file{"a.pdf", octetStream, []byte("%PDF-")})})
	// Three servers have begun and never ended: the last claim still holds.
	claim := func() { claims(t, a, s, w) }
	for range 3 {
		claim()
		now.Add(int64(11 * time.Minute))
	}
	if l := until(t, a, s); l != (index.Lag{Indexed: 1, Unread: 1}) {
		t.Errorf("%+v", l)
	}
	if got := w.found(a, s, "obedient"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "has:unreadable", Excerpts: true})
	if err != nil || len(r.Hits) != 1 || len(r.Hits[0].Excerpt.Unread) != 1 || r.Hits[0].Excerpt.Unread[0] != (record.Unread{Part: "2", Name: "a.pdf", State: document.Failed}) {
		t.Errorf("which was given up: %+v, %v", r, err)
	}
}

// A second record that somebody changed, or gave another message, hides no message: its
// text counts as not to be had, verify names it, and one that is gone is made again.
func TestDamagedSecondRecord(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, extractor(false))
	w.put(a, map[string][]byte{
		"one": parcel("one", file{"a.docx", octetStream, paper.Docx("first")}),
		"two": parcel("two", file{"b.docx", octetStream, paper.Docx("second")}),
	})
	if l := until(t, a, s); l != (index.Lag{Indexed: 2}) {
		t.Fatalf("%+v", l)
	}
	change := func(statement string) {
		t.Helper()
		err := s.Tenant().Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		w.stop()
		if err := errors.Join(err, os.RemoveAll(w.dir+"/index"), os.Mkdir(w.dir+"/index", 0o700)); err != nil {
			t.Fatal(err)
		}
		a, s = w.with(stand.Keeper, extractor(false))
	}
	defer func() { w.stop() }()
	// Both get the record of one of them.
	change(`UPDATE index_attachments SET record = (SELECT b.record FROM index_attachments b WHERE b.tenant = $1 ORDER BY b.record LIMIT 1) WHERE tenant = $1`)
	if l := until(t, a, s); l != (index.Lag{Indexed: 2, Unread: 1}) {
		t.Errorf("%+v", l)
	}
	if got := len(w.found(a, s, "first OR second")); got != 1 || len(w.found(a, s, "body")) != 2 {
		t.Errorf("%d are found", got)
	}
	list, err := a.VerifyOpened(t.Context(), s, func(_, _ int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		if want := map[string]int{"index": 1}[v.Log]; v.Found != want {
			t.Errorf("%s: %d problems, %v", v.Log, v.Found, v.Problems)
		}
	}
	change(`DELETE FROM index_attachments WHERE tenant = $1`)
	if l := until(t, a, s); l != (index.Lag{Indexed: 2}) || len(w.found(a, s, "first OR second")) != 2 {
		t.Errorf("made again: %+v", l)
	}
}

// Where rows were deleted under an index that is there, what comes reaches it.
func TestDeletedSecondRecords(t *testing.T) {
	w := newWorld(t)
	a, s := w.with(stand.Keeper, extractor(false))
	defer func() { w.stop() }()
	defer w.commit(a)()
	for _, name := range []string{"one", "two"} {
		id, err := stand.Put(t.Context(), a, time.Now(), parcel(name, file{"a.docx", octetStream, paper.Docx("written")}), stand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		w.ids[id.String()] = name
		if l := until(t, a, s); l.Waiting != 0 || !slices.Contains(w.found(a, s, "written"), name) {
			t.Errorf("%s: %+v", name, l)
		}
		err = s.Tenant().Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM index_attachments WHERE tenant = $1`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
