package browser_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"siegel/test/stand"
)

// pixel is a picture of one pixel (GIF89a).
const pixel = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

// EX-05, EX-17: another's message is opened beside the list; who was signed out meanwhile has the
// form again; pictures from elsewhere come after a click and without a referrer, on a page of
// its own too; keys pass over what is folded; paper says what it may lack; wide mail fits a
// phone.
func TestReading(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	stand.Chromium(t)
	var asked, told atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Referer") != "" || r.Header.Get("Cookie") != "" {
			told.Add(1)
		}
		b, _ := base64.StdEncoding.DecodeString(pixel)
		w.Header().Set("Content-Type", "image/gif")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(b)
	}))
	defer elsewhere.Close()
	cell := `<td width="400" style="width:400px;min-width:400px" nowrap>` + "A-heading-that-cannot-be-broken-anywhere-since-it-has-no-blank" + `</td>`
	server := serve(t, message("rich", `<h1>Rich text</h1><p>rich, of some kind</p><img src="`+elsewhere.URL+`/x.gif">`), message("plenty", "<p>rich</p>"),
		message("wide", `<table width="1200" style="width:1200px"><tr>`+cell+cell+cell+`</tr><tr><td colspan="3"><table width="900"><tr>`+cell+cell+`<td>the last one</td></tr></table></td></tr></table>`),
		"From: Anna <anna@a.example>\r\nTo: "+stand.Reader+"\r\nSubject: words\r\n\r\nwords alone\r\n")
	drive(t, map[string]any{
		"people": map[string]string{"keeper": stand.Keeper, "reader": stand.Reader, "password": stand.Password}, "elsewhere": elsewhere.URL, "pictures": os.Getenv("SIEGEL_PICTURES"),
	}, "reading.mjs", stand.Site(server))
	if asked.Load() == 0 || told.Load() > 0 {
		t.Errorf("%d pictures were asked for, %d with a referrer or a cookie", asked.Load(), told.Load())
	}
}
