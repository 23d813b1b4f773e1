package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"siegel/test/stand"
)

// A long list is read beside its messages: what was chosen stays where it was and the message
// is in sight; what cannot be fetched is said in its place, and no older answer is taken for
// it (interface.md: lists, errors, nothing waits without a sign).
func TestList(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	stand.Chromium(t)
	var mail []string
	for n := range 40 {
		mail = append(mail, message(fmt.Sprintf("ledger %02d", n), "<p>sequences "+strings.Repeat("of words and more of them ", 20)+"</p>"))
	}
	server := serve(t, mail...)
	drive(t, map[string]any{"reader": stand.Reader, "password": stand.Password}, "list.mjs", stand.Site(server))
}
