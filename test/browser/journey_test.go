package browser_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// arrival is a message of the journey.
type arrival struct{ from, to, subject, text, attachment string }

// arrivals are what a firm gets in a week, in a language. The first is the one that is
// looked for.
func arrivals(lang, domain string) []arrival {
	sales, anna := "vertrieb@"+domain, "anna@"+domain
	if lang == "de" {
		return []arrival{
			{"Jonas Keller <keller@holzbau.example>", anna, "Angebot Dachstuhl Lindenstraße 4", "Guten Tag Frau Müller,\r\n\r\nanbei unser Angebot für den Dachstuhl, gültig bis Ende Januar.\r\n\r\nFreundliche Grüße\r\nJonas Keller", "Angebot.pdf"},
			{"Anna Müller <" + anna + ">", "keller@holzbau.example, " + anna, "Re: Angebot Dachstuhl Lindenstraße 4", "Vielen Dank, wir nehmen das Angebot an.", ""},
			{"Stadtwerke <rechnung@stadtwerke.example>", sales, "Rechnung 2026-118", "Ihre Rechnung über 418,20 Euro ist am 15. Dezember fällig.", "Rechnung.pdf"},
			{"Dr. Weber <weber@praxis.example>", anna, "Termin am Donnerstag", "Der Termin am Donnerstag um 10 Uhr passt mir gut.", ""},
			{"Personal <personal@" + domain + ">", anna, "Urlaubsplan", "Bitte tragen Sie Ihren Urlaub bis Freitag ein.", ""},
		}
	}
	return []arrival{
		{"Jonas Keller <keller@timber.example>", anna, "Offer for the roof at 4 Linden Street", "Dear Ms Miller,\r\n\r\nattached is our offer for the roof, valid until the end of January.\r\n\r\nKind regards\r\nJonas Keller", "offer.pdf"},
		{"Anna Miller <" + anna + ">", "keller@timber.example, " + anna, "Re: Offer for the roof at 4 Linden Street", "Thank you, we accept the offer.", ""},
		{"City Power <billing@power.example>", sales, "Invoice 2026-118", "Your invoice of 418.20 is due on 15 December.", "invoice.pdf"},
		{"Dr Weber <weber@practice.example>", anna, "Appointment on Thursday", "Thursday at 10 suits me well.", ""},
		{"People <people@" + domain + ">", anna, "Holidays", "Please enter your holidays by Friday.", ""},
	}
}

// octets writes a message as mail.
func (l arrival) octets(n int) []byte {
	sent := time.Now().Add(-time.Duration(n) * time.Hour).UTC()
	head := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: =?utf-8?b?%s?=\r\nDate: %s\r\nMessage-ID: <%d@a.example>\r\n", encoded(l.from), l.to,
		base64.StdEncoding.EncodeToString([]byte(l.subject)), sent.Format(time.RFC1123Z), n)
	if strings.HasPrefix(l.subject, "Re: ") { // to the one before it
		head += fmt.Sprintf("In-Reply-To: <%d@a.example>\r\n", n+1)
	}
	head += "MIME-Version: 1.0\r\n"
	body := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(l.text)) + "\r\n"
	if l.attachment == "" {
		return []byte(head + body)
	}
	return []byte(head + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + body + "--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"" +
		l.attachment + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte("%PDF-1.4\n%%EOF\n")) + "\r\n--x--\r\n")
}

// encoded writes the name of an address.
func encoded(address string) string {
	name, rest, ok := strings.Cut(address, " <")
	if !ok {
		return address
	}
	return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?= <" + rest
}

// TestJourney is what people do in a browser alone, in both languages and on both storage
// shapes: a tenant is founded, invitations are taken, mail is searched, read, downloaded,
// proven, and the proof is checked by a stranger.
func TestJourney(t *testing.T) {
	stand.Chromium(t)
	dir := t.TempDir()
	must(t, stand.Init(dir))
	server, _ := stand.Start(t, app.Options{Dir: dir, Log: stand.Log(), Change: stand.Browsers})
	for _, lang := range []string{"de", "en"} {
		journey(t, dir, server, lang)
	}
}

func journey(t *testing.T, dir string, server *app.Server, lang string) {
	t.Helper()
	domain := map[string]string{"de": "muster.example", "en": "sample.example"}[lang]
	name := map[string]string{"de": "Muster & Söhne", "en": "Sample & Sons"}[lang]
	invitation, err := server.Ceremony.Invite(t.Context())
	must(t, err)
	given := map[string]any{
		"lang": lang, "pictures": os.Getenv("SIEGEL_TOUR"), "dir": t.TempDir(), "password": stand.Password,
		"code": invitation.Code, "name": name, "domains": domain, "administrators": "it@" + domain, "keepers": "compliance@" + domain,
		"readers": "anna@" + domain + "\nvertrieb@" + domain,
	}
	walk(t, "found", server, given)
	list := arrivals(lang, domain)
	client, err := stand.Dial(stand.Socket(dir))
	must(t, err)
	mine := 0
	for i, l := range list {
		to := "anna@" + domain
		if strings.HasPrefix(l.to, "vertrieb@") {
			to = l.to
		} else {
			mine++
		}
		octets := l.octets(len(list) - i)
		reply, err := client.Send(stand.Of(octets, "sender@a.example", to))
		must(t, err)
		if reply.Code != 250 {
			t.Fatal(reply)
		}
		if i == 0 {
			file := filepath.Join(t.TempDir(), "octets")
			must(t, os.WriteFile(file, octets, 0o600))
			given["octets"] = file
		}
	}
	must(t, client.Close())
	must(t, server.ProofNow(t.Context()))
	given["administrator"], given["keeper"], given["reader"], given["mine"] = "it@"+domain, "compliance@"+domain, mail.NewAddress("anna@"+domain), mine
	first := strings.Fields(list[0].subject)
	given["word"], given["subject"], given["text"], given["attachment"] = strings.ToLower(first[len(first)-2]), list[0].subject, strings.Fields(list[0].text)[0], list[0].attachment
	given["key"], given["roots"] = filepath.Join(dir, "ledger.pub"), server.Evidence.Roots
	walk(t, "use", server, given)
}

// walk runs a phase of the journey.
func walk(t *testing.T, phase string, server *app.Server, given map[string]any) {
	t.Helper()
	if results := drive(t, given, "journey.mjs", phase, stand.Site(server)); len(results) == 0 {
		t.Fatalf("%s ended early", phase)
	}
}
