package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// openings returns the events of openings, oldest first.
func (h *hall) openings(o audit.Opener) (list []audit.Entry) {
	h.Helper()
	h.ok(h.trail.List(h.Context(), h.tenant, o, 10_000, func(e audit.Entry) error {
		if e.What == "message.open" {
			list = append([]audit.Entry{e}, list...)
		}
		return nil
	}))
	return list
}

// EX-06, AU-26: a reader reads what bears an address of hers, in the envelope or
// in the fields that say to and from whom a message is, and nothing else; a Bcc
// field that was left in gives nobody anything.
func TestReaderReadsHerOwn(t *testing.T) {
	h := newHall(t)
	ann, bob, keeper := h.members["ann"], h.members["bob"], h.members["keeper"]
	field := func(name string) string { return name + ": Ann <ANN@example.com>, x@example.org\r\n\r\nbody" }
	cases := map[string]struct {
		body, from string
		to         []string
		hers       bool
	}{
		"From": {field("From"), "", nil, true}, "Sender": {field("Sender"), "", nil, true}, "Reply-To": {field("Reply-To"), "", nil, true},
		"To": {field("To"), "", nil, true}, "Cc": {field("Cc"), "", nil, true},
		"Resent-From": {field("Resent-From"), "", nil, true}, "Resent-Sender": {field("Resent-Sender"), "", nil, true},
		"Resent-To": {field("Resent-To"), "", nil, true}, "Resent-Cc": {field("Resent-Cc"), "", nil, true},
		"Bcc":                 {field("Bcc"), "", nil, false},
		"another field":       {field("X-To"), "", nil, false},
		"Delivered-To":        {field("Delivered-To"), "", nil, false},
		"the subject":         {field("Subject"), "", nil, false},
		"the body":            {"To: x@example.org\r\n\r\nTo: ann@example.com\r\n", "", nil, false},
		"an attached message": {"Content-Type: message/rfc822\r\n\r\nTo: ann@example.com\r\n\r\n", "", nil, false},
		"envelope, to":        {"x", "y@example.org", []string{"z@example.com", "Ann@Example.COM"}, true},
		"envelope, from":      {"x", "ann@example.com", []string{"z@example.com"}, true},
		"a display name":      {"To: \"ann@example.com\" <x@example.org>\r\n\r\n", "", nil, false},
		"a similar address":   {"To: ann@example.com.evil.test, bann@example.com, ann@sub.example.com\r\n\r\n", "", nil, false},
		"folded":              {"To: x@example.org,\r\n ann@example.com\r\n\r\n", "", nil, true},
		"a group":             {"To: friends: x@example.org, ann@example.com;\r\n\r\n", "", nil, true},
		"the second To":       {"To: x@example.org\r\nTo: ann@example.com\r\n\r\n", "", nil, true},
		"nobody":              {"", "", nil, false},
	}
	for name, c := range cases {
		id := h.deliver(octets(c.body), c.from, c.to...)
		got, err := h.shown(ann, id, "")
		if c.hers && (err != nil || string(got) != c.body) {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
		if !c.hers {
			h.want(name, err, fault.NotFound)
		}
		_, err = h.shown(bob, id, "a reason does not help")
		h.want(name+", bob", err, fault.NotFound)
		_, missing := h.shown(bob, mail.NewID(), "a reason does not help")
		if err == nil || missing == nil || err.Error() != missing.Error() {
			t.Errorf("%s: %v tells more than %v", name, err, missing)
		}
		if got, err := h.shown(keeper, id, "audit"); err != nil || string(got) != c.body {
			t.Errorf("%s, keeper: %q, error %v", name, got, err)
		}
	}
}

// EX-06, CR-10: opening what is another's takes a reason; each opening is one
// event, with person, message, reason and time, and what is refused is none.
func TestReasonAndEvents(t *testing.T) {
	h := newHall(t)
	ann, keeper := h.members["ann"], h.members["keeper"]
	body := octets("To: ann@example.com\r\n\r\nx")
	id := h.deliver(body, "", "ann@example.com")
	both := h.deliver(octets("To: ann@example.com, keeper@example.com\r\n\r\ny"), "", "ann@example.com")

	_, err := h.shown(keeper, id, "")
	h.want("no reason", err, fault.Invalid)
	_, err = h.shown(h.members["bob"], id, "curious")
	h.want("bob", err, fault.NotFound)
	_, err = h.shown(keeper, mail.NewID(), "x")
	h.want("nothing there", err, fault.NotFound)
	if list := h.openings(nil); len(list) != 0 || h.store.gets.Load() != 0 {
		t.Fatalf("%d events and %d reads for nothing", len(list), h.store.gets.Load())
	}
	_, err = h.shown(ann, id, "")
	h.ok(err)
	_, err = h.shown(keeper, id, "a reason-canary")
	h.ok(err)
	_, err = h.shown(keeper, both, "") // his own
	h.ok(err)
	list := h.openings(keeper.session)
	if len(list) != 3 {
		t.Fatalf("%d events for three openings", len(list))
	}
	for i, want := range []struct {
		who    *visitor
		object mail.ID
		own    bool
		note   string
	}{{ann, id, true, ""}, {keeper, id, false, "a reason-canary"}, {keeper, both, true, ""}} {
		e := list[i]
		if e.Who != want.who.id.String() || e.Object != want.object.String() || e.Detail["own"] != want.own || e.Note != want.note || !e.Time.Equal(h.now()) {
			t.Errorf("event %d: %+v", i, e)
		}
		if strings.Contains(fmt.Sprint(e.Event), "canary") {
			t.Error("the reason stands in the payload")
		}
	}
	for _, e := range h.openings(ann.session) {
		if e.Note != "" {
			t.Error("a reader reads the reasons")
		}
	}
}

// CR-10: the event is durable before the first octet is read, and where it
// cannot be written nothing leaves.
func TestEventBeforeTheFirstOctet(t *testing.T) {
	h := newHall(t)
	ann := h.members["ann"]
	id := h.deliver(octets("To: ann@example.com\r\n\r\nx"), "", "ann@example.com")
	h.store.got = func() {
		if n := len(h.openings(nil)); n != 1 {
			t.Errorf("octets are read after %d events", n)
		}
	}
	m, err := h.archive.Show(t.Context(), ann, id, "")
	h.ok(err)
	// Only half of it is read: it was an opening all the same.
	_, err = io.ReadFull(m, make([]byte, 4))
	h.ok(err)
	h.ok(m.Close())
	h.store.got = nil
	if n := len(h.openings(nil)); n != 1 {
		t.Errorf("%d events", n)
	}
	gets := h.store.gets.Load()
	h.ledger.broken.Store(true)
	m, err = h.archive.Show(t.Context(), ann, id, "")
	if err == nil || m != nil {
		t.Errorf("shown without an event: %v", err)
	}
	if h.store.gets.Load() != gets {
		t.Error("the message was read without an event")
	}
	h.ledger.broken.Store(false)
	if n := len(h.openings(nil)); n != 1 {
		t.Errorf("%d events after one that failed", n)
	}
}

// CR-06: a flipped bit anywhere in the sealed octets, and rows that were changed
// by hand, fail closed: kind Damaged, and not one wrong octet as if all was well.
func TestDamage(t *testing.T) {
	h := newHall(t)
	ann := h.members["ann"]
	body := octets("To: ann@example.com\r\n\r\n" + strings.Repeat("text that is long enough to be compressed. ", 50))
	id := h.deliver(body, "", "ann@example.com")
	other := h.deliver(octets("To: ann@example.com\r\n\r\nother"), "", "ann@example.com")
	check := func(what string) {
		t.Helper()
		got, err := h.shown(ann, id, "")
		h.want(what, err, fault.Damaged)
		if len(got) > 0 && !bytes.HasPrefix(body, got) {
			t.Errorf("%s: wrong octets came out: %q", what, got)
		}
	}
	var length int
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT length FROM archive_message WHERE tenant = $1 AND id = $2`, id.Bytes()).Scan(&length))
	step := max(1, length/40)
	for at := 0; at < length; at += step {
		h.store.change = func(b []byte) []byte { b[at] ^= 1 << (at % 8); return b }
		check(fmt.Sprintf("octet %d of %d", at, length))
	}
	h.store.change = func(b []byte) []byte { return b[:len(b)-1] }
	check("cut")
	h.store.change = func(b []byte) []byte { return append(b, 0) }
	check("longer")
	h.store.change = func([]byte) []byte { return nil }
	check("nothing")
	h.store.change = nil
	if got, err := h.shown(ann, id, ""); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("without damage: %v", err)
	}
	for column, values := range map[string][]any{
		"size": {int64(len(body)) - 1, int64(len(body)) + 1, int64(0), int64(-1), int64(-1 << 62), int64(1<<63 - 1)},
		// A place outside of the pack, or in another message.
		"start":   {int64(0), int64(17), int64(1 << 40), int64(-5)},
		"length":  {int64(length) - 1, int64(length) + 1, int64(0), int64(1 << 40)},
		"opening": {[]byte{}, []byte{1}, bytes.Repeat([]byte{1}, 100)},
		"pack":    {mail.NewID().Bytes()},
	} {
		var was any
		h.ok(h.tenant.QueryRow(t.Context(), `SELECT `+column+` FROM archive_message WHERE tenant = $1 AND id = $2`, id.Bytes()).Scan(&was))
		for _, v := range values {
			h.row(`UPDATE archive_message SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND id = $3`, v, id.Bytes())
			check(fmt.Sprintf("%s %v", column, v))
		}
		h.row(`UPDATE archive_message SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND id = $3`, was, id.Bytes())
	}
	// The whole place of another message.
	h.row(`UPDATE archive_message SET tenant = $1, (pack, start, length, size, opening) = (SELECT m.pack, m.start, m.length, m.size, m.opening FROM archive_message m WHERE m.tenant = $1 AND m.id = $2)
		WHERE tenant = $1 AND id = $3`, other.Bytes(), id.Bytes())
	check("another message's place")
}

func (h *hall) row(query string, args ...any) {
	h.Helper()
	n, err := h.exec(query, args...)
	if err != nil || n == 0 {
		h.Errorf("%d rows were changed by %s (%v)", n, query, err)
	}
}

func (h *hall) exec(query string, args ...any) (n int64, err error) {
	err = h.tenant.Update(h.Context(), func(tx *db.Tx) error {
		res, err := tx.Exec(h.Context(), query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// A closed session shows nothing, with the kind that says so, and leaves no
// event.
func TestShowAfterClose(t *testing.T) {
	h := newHall(t)
	ann := h.members["ann"]
	id := h.deliver(octets("To: ann@example.com\r\n\r\nx"), "", "ann@example.com")
	m, err := h.archive.Show(t.Context(), ann, id, "")
	h.ok(err)
	ann.session.Close()
	// What was opened before may be read to its end.
	if b, err := io.ReadAll(m); err != nil || !bytes.HasSuffix(b, []byte("x")) {
		t.Errorf("%q, %v", b, err)
	}
	h.ok(m.Close())
	_, err = h.shown(ann, id, "")
	h.want("after Close", err, fault.Locked)
	if n := len(h.openings(nil)); n != 1 {
		t.Errorf("%d events", n)
	}
}

// EV-12: an id of another tenant is answered like one that is nowhere.
func TestShowOfAnotherTenant(t *testing.T) {
	h := newHall(t)
	id := h.deliver(octets("To: keeper@example.com\r\n\r\nx"), "", "keeper@example.com")
	keeper := *h.members["keeper"]
	keeper.tenant = h.db.Tenant(mail.NewID())
	_, here := h.archive.Show(t.Context(), &keeper, id, "x")
	_, nowhere := h.archive.Show(t.Context(), &keeper, mail.NewID(), "x")
	h.want("another tenant's message", here, fault.NotFound)
	if here == nil || nowhere == nil || here.Error() != nowhere.Error() {
		t.Errorf("%v and %v differ", here, nowhere)
	}
}

// A keeper gives older mail to whose it is, once; she then reads it and proves
// her own envelope, and others get nothing.
func TestRegrant(t *testing.T) {
	h := newHall(t)
	keeper, bob := h.members["keeper"], h.members["bob"]
	holder := h.people["bob@example.com"]
	delete(h.people, "bob@example.com") // mail comes before the address is his
	envelope := h.deliver(octets("To: x@example.org\r\n\r\n1"), "", "Bob@example.com")
	field := h.deliver(octets("Cc: bob@example.com\r\n\r\n2"), "a@example.org", "x@example.com")
	others := h.deliver(octets("To: ann@example.com\r\nBcc: bob@example.com\r\n\r\n3"), "", "ann@example.com")
	long := h.deliver(octets(strings.Repeat("X: y\r\n", 200_000)+"\r\n4"), "", "bob@example.com")
	_, err := h.shown(bob, envelope, "")
	h.want("before", err, fault.NotFound)
	owner := mail.Owner{Holder: holder, Addresses: []mail.Address{"bob@example.com"}}
	none := func(int64, int64) {}
	if _, err := h.archive.Regrant(t.Context(), h.members["ann"], owner, none); fault.Of(err) != fault.Denied {
		t.Errorf("by a reader: %v", err)
	}
	for _, want := range []int64{3, 0} {
		last := int64(0)
		n, err := h.archive.Regrant(t.Context(), keeper, owner, func(done, total int64) {
			if done < last || done > total || total != 4 {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		if n != want || err != nil {
			t.Errorf("%d gained, want %d, error %v", n, want, err)
		}
	}
	for id, want := range map[mail.ID]string{envelope: "1", field: "2", long: "4"} {
		if got, err := h.shown(bob, id, ""); err != nil || !strings.HasSuffix(string(got), want) {
			t.Errorf("message %s: %d octets, error %v", want, len(got), err)
		}
	}
	_, err = h.shown(bob, others, "")
	h.want("a blind copy that was not in the envelope", err, fault.NotFound)
}
