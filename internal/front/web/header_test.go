package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"siegel/test/stand"
)

// turned has names and a subject that read other than they are: an override turns the
// direction of what follows (Unicode Standard Annex 9).
const turned = "From: =?utf-8?Q?Bank_=E2=80=AE=3Cmoc=2Eknab=40ofni=3E?= <evil@x.example>\r\nTo: =?utf-8?Q?a=E2=80=8Bb?= <" + stand.Reader + ">, undisclosed:;\r\n" +
	"Cc: \r\nSubject: invoice =?utf-8?Q?=E2=80=AEgnp=2Eexe?=\r\nX-Other: =?utf-8?Q?=E2=81=A6x?=\r\nMessage-ID: <one@x.example>\r\n\r\ntext\r\n"

// EX-05: no header reads other than it is, wherever it is shown: what turns or hides text is
// seen and said, and a name cannot change how the address behind it reads.
func TestTurnedHeader(t *testing.T) {
	s := newSite(t)
	s.send(turned)
	s.send("From: b@x.example\r\nTo: " + stand.Reader + "\r\nSubject: plain\r\nIn-Reply-To: <one@x.example>\r\n\r\ntext\r\n")
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	list := b.get("/search?q=subject:invoice")
	const sender = "<bdi>Bank \uFFFD&lt;moc.knab@ofni&gt;</bdi> <bdi dir=\"ltr\">&lt;evil@x.example&gt;</bdi>"
	b.wants("the list", list, http.StatusOK, sender, "\uFFFDgnp.exe")
	message := link.FindString(list.text)
	read := b.get(message)
	warning := "characters that turn or hide what it says"
	b.wants("the message", read, http.StatusOK, sender, "<bdi>invoice \uFFFDgnp.exe</bdi>", "<title>invoice \uFFFDgnp.exe", warning, "a\uFFFDb", "<bdi>\uFFFDx</bdi>",
		"Conversation of 2 messages", "<dt>From</dt>", "<dt>To</dt>")
	sheet := b.do(http.MethodPost, message+"/sheet", nil)
	b.wants("to print", sheet, http.StatusOK, sender, "invoice \uFFFDgnp.exe", warning)
	for what, a := range map[string]answer{"the list": list, "the message": read, "to print": sheet} {
		if strings.ContainsAny(a.text, "\u202E\u2066\u200B") {
			t.Errorf("%s turns or hides what it says", what)
		}
		if head, _, _ := strings.Cut(a.text, "All header fields"); strings.Contains(head, "<dt>Cc</dt>") {
			t.Errorf("%s has a row for nobody", what)
		}
	}
	if raw := b.do(http.MethodPost, message+"/source", nil); raw.text != turned {
		t.Errorf("as it was received: %q", raw.text)
	}
	b.lang = "de"
	b.wants("in German", b.get(message), http.StatusOK, "Der Kopf hat Zeichen, die umkehren oder verbergen, was darin steht")
	b.lang = "en"
	straight := b.get(link.FindString(b.get("/search?q=subject:plain").text))
	b.wants("another", straight, http.StatusOK, "<bdi dir=\"ltr\">b@x.example</bdi>")
	if strings.Contains(straight.text, warning) {
		t.Error("nothing is hidden, and it is said")
	}
}

// EX-05: many recipients do not stand above the text, and none is left out: they are unfolded
// without a script, and on paper all are there.
func TestManyRecipients(t *testing.T) {
	s := newSite(t)
	var list []string
	for n := range 1500 {
		list = append(list, fmt.Sprintf("p%d@x.example", n))
	}
	s.send("From: a@x.example\r\nTo: " + stand.Reader + ",\r\n " + strings.Join(list, ",\r\n ") + "\r\nCc: " + strings.Join(list[:11], ", ") + "\r\nSubject: many\r\n\r\ntext\r\n")
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	message := link.FindString(b.get("/search?q=subject:many").text)
	a := b.get(message)
	b.wants("the message", a, http.StatusOK, "and 1491 more</summary>", "p1499@x.example")
	before, folded, _ := strings.Cut(a.text, `<details class="more">`)
	if strings.Contains(before, "p9@x.example") || !strings.Contains(before, "p8@x.example") || !strings.Contains(folded, "p9@x.example") || strings.Count(a.text, `<details class="more">`) != 1 {
		t.Error("it is folded elsewhere, or what is short too")
	}
	sheet := b.do(http.MethodPost, message+"/sheet", nil)
	b.wants("to print", sheet, http.StatusOK, "p1499@x.example")
	if strings.Contains(sheet.text, "<details") {
		t.Error("paper has something folded")
	}
}
