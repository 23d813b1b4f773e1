package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/test/stand"
)

type person struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// message is one with HTML.
func message(subject, html string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(html)) // memory
	_ = w.Close()
	return "From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\nSubject: " + subject + "\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n", "\r\n")
}

// vectors are DOMPurify's.
func vectors(t *testing.T) (list []struct{ Title, Payload string }) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(os.Getenv("SIEGEL_SHARED"), "vectors", "dompurify", "expect.json"))
	if err != nil {
		t.Skip("the folder with vectors is not here")
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// EX-05, EX-17: every page, for every role, is found well by axe-core in both languages,
// light and dark, on a wide screen and on a phone; and nothing that a message has runs,
// asks anybody for anything or opens a window.
func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	stand.Chromium(t)
	list := vectors(t)
	messages := []string{message("rich", `<h1>Rich text</h1><p style="color:#2f6b3a">of <b>some</b> kind</p><table border=1><tr><td>a<td>b</table><img src="https://track.example/x.gif"><a href="https://a.example/">a link</a>`+strings.Repeat("<p>One paragraph more, as people write them.</p>", 10))}
	for i, v := range list {
		messages = append(messages, message(fmt.Sprint("vector ", i), v.Payload))
	}
	drive(t, map[string]any{
		"people": []person{
			{"administrator", "admin@" + stand.Domain, stand.Password}, {"keeper", stand.Keeper, stand.Password}, {"reader", stand.Reader, stand.Password},
		},
		"vectors": len(list), "pictures": os.Getenv("SIEGEL_PICTURES"), "all": os.Getenv("SIEGEL_PICTURES") != "",
	}, "look.mjs", stand.Site(serve(t, messages...)))
}
