package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/trail"
	"siegel/test/stand"
)

// EV-06, EV-09, EX-18: an event that was changed in the database is named beside the others,
// in the list and in the table.
func TestEventsDamaged(t *testing.T) {
	s := newSite(t)
	k := s.client().signIn(stand.Keeper)
	message := str(k.first("/messages?q=canary")["id"])
	k.is("opened", k.post("/messages/"+message+"/open", object{"reason": "case 17"}), http.StatusOK, "")
	before := k.get("/events")
	k.is("before", before, http.StatusOK, "")
	if before.body["damaged"] != nil || yes(before.body["cut"]) || !strings.Contains(before.text, "case 17") {
		t.Error(before.text)
	}
	index, err := stand.Damage(t.Context(), s.app, "message.open")
	s.ok(err)
	says := fmt.Sprintf("event %d of the audit log", index)
	after := k.get("/events")
	k.is("after", after, http.StatusOK, "")
	list, _ := after.body["damaged"].([]any)
	if len(list) != 1 || !strings.Contains(str(list[0]), says) || strings.Contains(after.text, "case 17") || len(after.items()) < 5 || after.find("what", "message.open")["id"] != nil {
		t.Error(after.text)
	}
	k.lang = "de"
	if got := k.get("/events"); !strings.Contains(got.text, fmt.Sprintf("Ereignis %d des Protokolls", index)) {
		t.Error(got.text)
	}
	table := k.post("/events/export", object{})
	k.is("the table", table, http.StatusOK, "")
	lines, err := csv.NewReader(strings.NewReader(table.text)).ReadAll()
	if last := lines[len(lines)-1]; err != nil || last[3] != "damaged" || !strings.Contains(last[7], says) {
		t.Errorf("%v %q", err, lines)
	}
}

// EV-09, EX-18: the trail is taken out as a table with a filter, which is an event itself,
// as on the pages; nothing in it is a formula.
func TestEventsTable(t *testing.T) {
	s := newSite(t)
	a, k, r := s.client().signIn(admin), s.client().signIn(stand.Keeper), s.client().signIn(stand.Reader)
	message := str(k.first("/messages?q=canary")["id"])
	for _, reason := range []string{"=HYPERLINK(1)", "case 18"} {
		k.is("opened", k.post("/messages/"+message+"/open", object{"reason": reason}), http.StatusOK, "")
	}
	read := func(c *client, filter object) [][]string {
		t.Helper()
		got := c.post("/events/export", filter)
		c.is("the table", got, http.StatusOK, "")
		lines, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
		s.ok(err)
		if got.Header.Get("Content-Type") != trail.TableKind || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment; filename=audit-") {
			t.Errorf("%v", got.Header)
		}
		if want := []string{"index", "time", "who", "what", "object", "old", "new", "note", "detail"}; !slices.Equal(lines[0], want) {
			t.Errorf("the head is %q", lines[0])
		}
		return lines[1:]
	}
	lines := read(k, object{"what": "message."})
	if len(lines) != 2 || lines[0][7] != "case 18" || lines[1][7] != "'=HYPERLINK(1)" || lines[1][2] != stand.Keeper || lines[1][3] != "message.open" {
		t.Errorf("%q", lines)
	}
	// What an event has beside the rest is there as programs get it: whose message it was, hits, times.
	detail, err := json.Marshal(k.first("/events?what=message.open")["detail"])
	if s.ok(err); lines[0][8] == "" || lines[0][8] != string(detail) {
		t.Errorf("detail: %q", lines[0])
	}
	k.is("refused", s.client().post("/sessions", object{"email": stand.Reader, "password": "Wrong-1-password"}), http.StatusUnauthorized, "wrong-password")
	if refused := read(k, object{"what": "sign-in", "person": stand.Reader}); !strings.Contains(refused[0][8], `"times":1`) {
		t.Errorf("refused: %q", refused)
	}
	if found := read(k, object{"what": "search"}); len(found) != 1 || !strings.Contains(found[0][8], `"hits":1`) {
		t.Errorf("searched: %q", found)
	}
	if lines := read(a, object{"person": stand.Keeper}); len(lines) < 4 || strings.Contains(fmt.Sprint(lines), "case 18") || strings.Contains(fmt.Sprint(lines), admin) {
		t.Errorf("an administrator's: %q", lines)
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	if lines := read(k, object{"since": tomorrow}); len(lines) != 0 {
		t.Errorf("of tomorrow: %q", lines)
	}
	if all, before := read(k, object{}), read(k, object{"until": tomorrow}); len(before) != len(all)+1 {
		t.Errorf("%d until tomorrow, %d before", len(before), len(all))
	}
	k.is("times exchanged", k.post("/events/export", object{"since": tomorrow, "until": "2020-01-01T00:00:00Z"}), http.StatusUnprocessableEntity, "invalid")
	k.is("no such kind", k.post("/events/export", object{"what": "session.begin"}), http.StatusUnprocessableEntity, "invalid")
	k.is("no such kind", k.get("/events?what=nonsense"), http.StatusUnprocessableEntity, "invalid")
	r.is("a reader's", r.post("/events/export", object{}), http.StatusForbidden, "denied")
	exports := k.get("/events?what=audit.export")
	if len(exports.items()) != 7 || !strings.Contains(exports.text, `"what":"message."`) || !strings.Contains(exports.text, `"since":"`+tomorrow+`"`) {
		t.Errorf("its events: %s", exports.text)
	}
}

// EV-09, OP-08: a page that has no time left says how far it came, and the next one goes on
// from there: none is left out and none comes twice.
func TestEventsBound(t *testing.T) {
	s := newSite(t)
	k, err := s.app.Identity.SignIn(s.Context(), "", stand.Keeper, []byte(stand.Password))
	s.ok(err)
	defer k.Close()
	d := trail.Deps{Identity: s.app.Identity, Trail: s.app.Trail, LookFor: time.Nanosecond}
	var got, want []int64
	cut, pages := 0, 0
	for next := int64(trail.Begin); next > 0; pages++ {
		p, err := d.Look(s.Context(), k, trail.Filter{}, next, 100)
		s.ok(err)
		for _, e := range p.Events {
			got = append(got, e.Index)
		}
		if p.Part {
			cut++
			if p.Since.IsZero() || p.Next == 0 {
				t.Errorf("a page that was cut says nothing: %+v", p)
			}
		}
		next = p.Next
	}
	s.ok(s.app.Identity.Audit(s.Context(), k, math.MaxInt64, func(e audit.Entry) error { want = append(want, e.Index); return nil }))
	if !slices.Equal(got, want) || cut < 2 || pages > len(want)+1 {
		t.Errorf("%d pages, %d cut: %v, want %v", pages, cut, got, want)
	}
}
