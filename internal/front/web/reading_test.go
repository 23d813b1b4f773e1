package web_test

import (
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
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

// parts is a message with attachments that are not what they seem.
const parts = "From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: parts\r\nMessage-ID: <one@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/plain\r\n\r\nsee below\r\n" +
	"--x\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename=\"photo.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA\r\n" +
	"--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%E2%80%AEfdp.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n" +
	"--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"../../etc/pass\\\"wd\"\r\n\r\nroot\r\n" +
	"--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: inner@a.example\r\nSubject: inner\r\n\r\ninside\r\n--x--\r\n"

// EX-05: attachments have their true type and size, names that hide something say so, and
// each is downloaded as what it is: a file.
func TestAttachments(t *testing.T) {
	s := newSite(t)
	s.send(parts)
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	message := link.FindString(b.get("/search?q=subject:parts").text)
	if message == "" {
		t.Fatal("it is not found")
	}
	b.wants("the list", b.get(message), http.StatusOK, "photo.jpg", "something else:", "application/x-msdownload", "\uFFFDfdp.exe", "hide what it is", "image/jpeg", "inner.eml")
	for part, want := range map[string]struct{ name, text string }{
		"2": {`filename=photo.jpg`, "MZ\x90"}, "3": {"filename*=utf-8''%EF%BF%BDfdp.exe", "%PDF-1.4\n"},
		"4": {`filename=pass_wd`, "root"}, "5": {"filename=inner.eml", "From: inner@a.example\r\nSubject: inner\r\n\r\ninside"},
	} {
		a := b.do(http.MethodPost, message+"/part", url.Values{"part": {part}})
		if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.text, want.text) || !strings.Contains(a.Header.Get("Content-Disposition"), want.name) ||
			a.Header.Get("Content-Type") != "application/octet-stream" || a.Header.Get("Content-Security-Policy") != "sandbox" {
			t.Errorf("part %s: %d %q %q", part, a.StatusCode, a.Header, a.text)
		}
	}
	for _, part := range []string{"", "6", "1.1", "../2", "TEXT", strings.Repeat("9", 1000)} {
		b.wants("no part "+part, b.do(http.MethodPost, message+"/part", url.Values{"part": {part}}), http.StatusNotFound, "no such attachment")
	}
	nothing := "/message/" + strings.Repeat("0", 32)
	for _, path := range []string{nothing + "/part", nothing + "/eml", nothing + "/sheet", nothing + "/proof"} {
		b.wants(path, b.do(http.MethodPost, path, url.Values{"part": {"1"}}), http.StatusNotFound, "there is no such message for you")
	}
	b.wants("the history of nothing", b.get(nothing+"/history"), http.StatusNotFound, "there is no such message for you")
}

// EX-05, EX-13: a message shows what was written to and fro, a page to print, and, to who
// holds the archive, who has seen it.
func TestConversationAndHistory(t *testing.T) {
	s := newSite(t)
	s.send(parts)
	s.send("From: bert@a.example\r\nTo: " + stand.Reader + "\r\nSubject: Re: parts\r\nMessage-ID: <two@a.example>\r\nIn-Reply-To: <one@a.example>\r\n\r\nthanks\r\n")
	b, k := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	message := link.FindString(b.get("/search?q=subject:parts+see").text)
	b.wants("the conversation", b.get(message), http.StatusOK, "Conversation of 2 messages", "bert@a.example", `aria-current="true"`)
	a := b.do(http.MethodPost, message+"/sheet", nil)
	b.wants("to print", a, http.StatusOK, "see below", "photo.jpg", "SHA-256")
	if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox allow-modals allow-popups allow-popups-to-escape-sandbox; default-src 'none'") || strings.Contains(a.text, "<script") {
		t.Errorf("the sheet's policy is %q", csp)
	}
	b.wants("a reader's history", b.get(message+"/history"), http.StatusOK, stand.Reader, "the archive", "others may be among them")
	if strings.Contains(b.get(message+"/history").text, "Message opened") {
		t.Error("a reader sees who read")
	}
	k.do(http.MethodPost, message, url.Values{"reason": {"audit 18"}})
	k.wants("a keeper's history", k.get(message+"/history"), http.StatusOK, stand.Reader, stand.Keeper, "Message opened", "audit 18")
}

// What the first page says of the archive.
func TestStart(t *testing.T) {
	s := newSite(t)
	b, k, a := s.browser(), s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a.signIn(admin, stand.Password)
	b.get("/search?q=canary") // it is in the index now
	reader := b.get("/")
	b.wants("a reader's start", reader, http.StatusOK, "<svg", "1 message</title>", "1 at most on a day")
	if strings.Contains(reader.text, "What can be proven") {
		t.Error("a reader sees how the server is")
	}
	k.wants("a keeper's start", k.get("/"), http.StatusOK, "Newest checkpoint", "lmtp", "1 message handed in within seven days", "Verified as a whole")
	a.wants("an administrator's start", a.get("/"), http.StatusOK, "Newest checkpoint", "lmtp")
	b.lang = "de"
	b.wants("on the reader's clock", b.do(http.MethodGet, "/search?q=canary", nil, func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "siegel-zone", Value: "Europe%2FZurich"})
	}), http.StatusOK, `<time datetime="2026-11-22T10:00:00Z" title="2026-11-22T10:00:00Z">22.11.2026 11:00</time>`)
}

// EX-04: searches are saved for who made them, and nobody else has them.
func TestSaved(t *testing.T) {
	s := newSite(t)
	b, k := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a := b.do(http.MethodPost, "/search/saved", url.Values{"name": {"Birds & <b>"}, "q": {`canary "Hello"`}, "order": {"oldest"}})
	if to := a.Header.Get("Location"); to != "/search?order=oldest&q=canary+%22Hello%22&saved=1" {
		t.Fatalf("saved: %d to %q %s", a.StatusCode, to, a.main())
	}
	b.wants("what was saved", b.get(a.Header.Get("Location")), http.StatusOK, "The search is saved.", `<details class="saved" open>`)
	list := b.get("/search")
	b.wants("the list", list, http.StatusOK, "Birds &amp; &lt;b&gt;", `href="/search?order=oldest&amp;q=canary&#43;%22Hello%22"`)
	if strings.Contains(k.get("/search").text, "Birds") {
		t.Error("a keeper sees what a reader looks for")
	}
	gone := regexp.MustCompile(`/search/saved/[0-9a-f]{32}/delete`).FindString(list.text)
	k.wants("somebody else's", k.do(http.MethodPost, gone, nil), http.StatusNotFound, "no such saved search")
	b.wants("with a mistake", b.do(http.MethodPost, "/search/saved", url.Values{"q": {"colour:red"}}), http.StatusUnprocessableEntity, "colour:")
	b.wants("in no order", b.do(http.MethodPost, "/search/saved", url.Values{"q": {"a"}, "order": {"x"}}), http.StatusUnprocessableEntity, "no such order")
	if a := b.do(http.MethodPost, gone, nil); a.StatusCode != http.StatusSeeOther || strings.Contains(b.get("/search").text, "Birds") {
		t.Errorf("deleted: %d", a.StatusCode)
	}
	b.wants("deleted twice", b.do(http.MethodPost, gone, nil), http.StatusNotFound, "no such saved search")
}

// EX-05, EX-17: when a message was sent is said in the reader's language and on her clock, also
// on the page to print; the field as it stands is among all header fields. What cannot be
// understood is shown as it stands.
func TestDateOfMessage(t *testing.T) {
	s := newSite(t)
	s.send("From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\nSubject: muddle\r\nDate: the day before yesterday\r\n\r\nmuddle\r\n")
	b := s.browser()
	b.lang = "de"
	b.signIn(stand.Reader, stand.Password)
	zone := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "siegel-zone", Value: "Europe%2FZurich"}) }
	const raw, want = "Sun, 22 Nov 2026 10:00:00 &#43;0000", `<dt>Datum</dt><dd><time datetime="2026-11-22T10:00:00Z" title="2026-11-22T10:00:00Z">22.11.2026 11:00</time></dd>`
	message := link.FindString(b.get("/search?q=canary").text)
	got := b.do(http.MethodGet, message, nil, zone)
	b.wants("a message", got, http.StatusOK, want)
	if head, rest, _ := strings.Cut(got.text, "<details>"); strings.Contains(head, raw) || !strings.Contains(rest, raw) {
		t.Errorf("the field as it stands is not where it belongs: %s", got.main())
	}
	b.wants("to print", b.do(http.MethodPost, message+"/sheet", url.Values{}, zone), http.StatusOK, want)
	b.wants("a muddle", b.get(link.FindString(b.get("/search?q=muddle").text)), http.StatusOK, "<dt>Datum</dt><dd><bdi>the day before yesterday</bdi></dd>")
}

// EX-04: the parts of a search say which of them may stand for another; parentheses that mean
// nothing that we do are refused with their position.
func TestAlternatives(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	chip := regexp.MustCompile(`<li>(?:<span class="soft">(or|oder)</span> )?<a href="[^"]*" title="[^"]*"><span>([^<]*)</span>`)
	for lang, or := range map[string]string{"en": "or", "de": "oder"} {
		b.lang = lang
		a := b.get("/search?q=" + url.QueryEscape("(canary OR sparrow) OR finch hello -has:attachment"))
		b.wants("what is found", a, http.StatusOK, `href="/search?q=%28canary&#43;OR&#43;sparrow%29&#43;OR&#43;finch&#43;-has%3Aattachment"`)
		var got []string
		for _, m := range chip.FindAllStringSubmatch(a.text, -1) {
			got = append(got, strings.TrimSpace(m[1]+" "+m[2]))
		}
		if want := "canary, " + or + " sparrow, " + or + " finch, hello, -has:attachment"; strings.Join(got, ", ") != want {
			t.Errorf("%s: the parts are %q, want %s", lang, got, want)
		}
	}
	b.lang = "en"
	b.wants("a parenthesis", b.get("/search?q="+url.QueryEscape("hello (canary finch) OR sparrow")), http.StatusUnprocessableEntity, "at position 7: with OR, parentheses hold only words")
	b.wants("a subject that was pasted", b.get("/search?q="+url.QueryEscape("Hello (canary)")), http.StatusOK, "1 message")
	b.wants("how to search", b.get("/search"), http.StatusOK, "(offer OR invoice) 2026", "has:unreadable")
}

// EX-17, EX-04: the examples of how to search are searches, in the words of the page's language.
func TestExamples(t *testing.T) {
	s := emptySite(t)
	b := s.browser()
	b.signIn(stand.Keeper, stand.Password)
	shown := make(map[string][]string)
	for _, lang := range []string{"en", "de"} {
		b.lang = lang
		page := b.get("/search").text
		_, how, _ := strings.Cut(page, `<dl class="how">`)
		how, _, _ = strings.Cut(how, "</dl>")
		for _, m := range regexp.MustCompile(`<code>([^<]*)</code>`).FindAllStringSubmatch(how, -1) {
			shown[lang] = append(shown[lang], html.UnescapeString(m[1]))
		}
		if m := regexp.MustCompile(`placeholder="([^"]*)"`).FindStringSubmatch(b.get("/cases").text); m != nil {
			shown[lang] = append(shown[lang], html.UnescapeString(m[1]))
		}
		for _, example := range shown[lang] {
			example = strings.ReplaceAll(example+" ", ": ", ":x ") // operators alone
			if a := b.get("/search?q=" + url.QueryEscape(example)); a.StatusCode != http.StatusOK {
				t.Errorf("%s: %q is no search: %s", lang, example, a.main())
			}
		}
	}
	if len(shown["en"]) < 11 || len(shown["en"]) != len(shown["de"]) {
		t.Fatalf("the examples are %q", shown)
	}
	english := regexp.MustCompile(`offer|invoice|report|other|newsletter|\bOR\b`)
	for i, example := range shown["de"] {
		if english.MatchString(example) || example == shown["en"][i] && !strings.Contains(example, ":") {
			t.Errorf("%q is not German", example)
		}
	}
}

// EX-04: who reads that attachments could not be read gets to their messages, also where
// nothing was found.
func TestUnreadable(t *testing.T) {
	s := siteOf(t, app.Options{Extractor: []string{os.Args[0], app.ExtractWord}})
	s.send("From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: broken canary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"plan.docx\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(paper.Docx("finch")[:80]) +
		"\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"sound.docx\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(paper.Docx("sparrow")) + "\r\n--x--\r\n")
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	want := `<a href="/search?q=has%3Aunreadable">attachments of 1 message cannot be read</a>`
	for begin := time.Now(); !strings.Contains(b.get("/search?q=canary").text, want); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("it does not say so: %s", b.get("/search?q=canary").main())
		}
	}
	b.wants("nothing", b.get("/search?q=nowhere"), http.StatusOK, "Nothing was found", want)
	b.wants("the messages", b.get("/search?q=has%3Aunreadable"), http.StatusOK, "broken canary", "<bdi>plan.docx</bdi>: damaged or incomplete")
	message := b.get(link.FindString(b.get("/search?q=has%3Aunreadable").text))
	b.wants("the message", message, http.StatusOK, "plan.docx", "sound.docx")
	plan, sound, _ := strings.Cut(message.main(), "sound.docx")
	if why := "or not all of it: the file is damaged or incomplete."; !strings.Contains(plan, why) || strings.Contains(sound, "No search finds") {
		t.Errorf("it is not said at the one that it is true of: %s", message.main())
	}
	b.wants("the others", b.get("/search?q=-has%3Aunreadable+canary"), http.StatusOK, "Nothing was found")
	b.lang = "de"
	b.wants("in German", b.get("/search?q=canary"), http.StatusOK, "Anhänge von 1 Nachricht lassen sich nicht lesen</a>", "<bdi>plan.docx</bdi>: beschädigt oder unvollständig")
	b.wants("the message in German", b.get(link.FindString(b.get("/search?q=has%3Aunreadable").text)), http.StatusOK, "Keine Suche findet seinen Text, oder nicht den ganzen: Die Datei ist beschädigt oder unvollständig.")
}

// EX-05: what can be done with what was found stands above the list, folded, and the message's
// HTML can be opened whole.
func TestAbove(t *testing.T) {
	s := newSite(t)
	s.send("From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: rich\r\nContent-Type: text/html\r\n\r\n<p>rich <b>words</b> <a href=\"https://a.example/\">link</a>" +
		"<img src=\"https://track.example/x.gif\">\r\n")
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	a := b.get("/search?q=rich")
	before, _, _ := strings.Cut(a.text, `<ol class="hits"`)
	for _, what := range []string{`action="/search/saved"`, `action="/jobs/export"`, `<details class="tool" name="tool"><summary>`} {
		if !strings.Contains(before, what) {
			t.Errorf("%s is not above the list", what)
		}
	}
	message := link.FindString(a.text)
	b.wants("the frame", b.get(message), http.StatusOK, `sandbox="allow-popups allow-popups-to-escape-sandbox"`, `action="`+message+`/sheet" target="_blank"`, "On a page of its own")
	sheet := b.do(http.MethodPost, message+"/sheet", nil)
	b.wants("the whole", sheet, http.StatusOK, "<b>words</b>", `href="https://a.example/" rel="noopener noreferrer nofollow" target="_blank"`)
	if strings.Contains(sheet.text, "track.example") || !strings.Contains(sheet.Header.Get("Content-Security-Policy"), "img-src data:;") {
		t.Errorf("something is loaded from elsewhere: %s %s", sheet.Header.Get("Content-Security-Policy"), sheet.text)
	}
}
