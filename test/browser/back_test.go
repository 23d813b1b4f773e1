package browser_test

import (
	"testing"

	"siegel/test/stand"
)

// Who was refused, goes on and comes back finds the page again (and no page of the browser's own
// that wants to send the form once more), and can read it in the other language; what is
// shown once has no link to itself.
func TestBack(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	stand.Chromium(t)
	server := serve(t, message("rich", `<h1>Rich text</h1><p>of some kind</p>`))
	invitation, err := server.Ceremony.Invite(t.Context())
	must(t, err)
	drive(t, map[string]any{
		"people": map[string]string{"administrator": "admin@" + stand.Domain, "keeper": stand.Keeper, "reader": stand.Reader, "password": stand.Password},
		"code":   invitation.Code,
	}, "back.mjs", stand.Site(server))
}
