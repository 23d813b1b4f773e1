package archive_test

import (
	"bytes"
	"testing"

	"siegel/internal/archive"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/proto/entry"
)

// EV-01, EV-02: whoever writes the database cannot change what is shown of a
// message: when it arrived, its size, what it commits to. It is of kind Damaged,
// both languages say what, and no octet of the message was read before that.
func TestShowComparesTheEntry(t *testing.T) {
	for name, tt := range map[string]struct {
		harm func(h *hall)
		want []string // one of these sentences
	}{
		"arrival": {func(h *hall) {
			h.row(`UPDATE archive_message SET arrived = arrived - 1 WHERE tenant = $1 AND leaf = 1`)
		}, []string{"the message's time of arrival is not the one that was entered"}},
		"size": {func(h *hall) {
			h.row(`UPDATE archive_message SET size = size + 1 WHERE tenant = $1 AND leaf = 1`)
		}, []string{"the message's size is not the one that was entered"}},
		"another message's opening": {func(h *hall) {
			h.row(`UPDATE archive_message SET opening = (SELECT o.opening FROM archive_message o WHERE o.tenant = $1 AND o.leaf = 0) WHERE tenant = $1 AND leaf = 1`)
		}, []string{"the message's opening does not open"}},
		"arrival in row and entry": {func(h *hall) {
			h.row(`UPDATE archive_message SET arrived = arrived - 1000000 WHERE tenant = $1 AND leaf = 1`)
			h.reenter(false, func(e *entry.Entry) { e.Time = e.Time.Add(-1e9) })
		}, []string{"the message's entry is not the one that stands in the log"}},
		"size in row and entry": {func(h *hall) {
			h.row(`UPDATE archive_message SET size = size + 1 WHERE tenant = $1 AND leaf = 1`)
			h.reenter(false, func(e *entry.Entry) { e.Size++ })
		}, []string{"the message's entry is not the one that stands in the log"}},
		"commitment in the entry": {func(h *hall) {
			h.reenter(false, func(e *entry.Entry) { e.Fields[len(e.Fields)-1].Commitment[0] ^= 1 })
		}, []string{"the message's entry is not the one that stands in the log"}},
		"commitment in entry and leaf": {func(h *hall) {
			h.reenter(true, func(e *entry.Entry) {
				for i := range e.Fields {
					e.Fields[i].Commitment[0] ^= 1
				}
			})
		}, []string{"the message's opening is not the one that was entered", "the message's entry is not the one that stands in the log"}},
		"sealed hash in the entry": {func(h *hall) {
			h.row(`UPDATE ledger_entry SET sealed = (SELECT sealed FROM ledger_entry o WHERE o.tenant = $1 AND o.log = 'message' AND o.idx = 0) WHERE tenant = $1 AND log = 'message' AND idx = 1`)
		}, []string{"the message's entry is not the one that stands in the log"}},
		"garbage for the entry": {func(h *hall) {
			h.row(`UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'message' AND idx = 1`, []byte{0})
		}, []string{"the message's entry is malformed"}},
		"another message's entry": {func(h *hall) {
			h.row(`UPDATE ledger_entry SET text = (SELECT text FROM ledger_entry o WHERE o.tenant = $1 AND o.log = 'message' AND o.idx = 0) WHERE tenant = $1 AND log = 'message' AND idx = 1`)
		}, []string{"row and entry speak of different messages"}},
		"no entry": {func(h *hall) {
			h.row(`UPDATE archive_message SET leaf = 100 WHERE tenant = $1 AND leaf = 1`)
		}, []string{"the message's row is there, its entry is not in the log"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t)
			h.deliver(octets("To: ann@example.com\r\n\r\nsomething else"), "", "ann@example.com")
			id := h.deliver(octets("To: ann@example.com\r\n\r\nthis"), "", "ann@example.com")
			if _, err := h.shown(h.members["ann"], id, ""); err != nil {
				t.Fatal(err)
			}
			tt.harm(h)
			gets := h.store.gets.Load()
			for _, who := range []string{"ann", "keeper"} {
				m, err := h.archive.Show(t.Context(), h.members[who], id, "a reason")
				h.want(who, err, fault.Damaged)
				says(t, err, tt.want)
				if m != nil {
					t.Errorf("%s has the message", who)
				}
			}
			if h.store.gets.Load() != gets {
				t.Error("octets were read before the entry was compared")
			}
			found := 0
			_, err := h.archive.VerifyOpened(t.Context(), h.members["keeper"], archive.Opening{Found: func(f archive.Finding) {
				found++
				if f.Message != id {
					t.Errorf("verify finds %+v", f)
				}
				says(t, f.Err, tt.want)
			}})
			h.ok(err)
			if found != 1 {
				t.Errorf("verify finds %d", found)
			}
			_, err = h.shown(h.members["bob"], id, "a reason")
			h.want("bob learns of it", err, fault.NotFound)
		})
	}
}

// reenter changes the text of the second entry of the message log, and its leaf
// where asked.
func (h *hall) reenter(leaf bool, change func(*entry.Entry)) {
	h.Helper()
	before, sealed, err := h.ledger.Entry(h.Context(), h.tenant, "message", 1)
	h.ok(err)
	e, err := entry.Parse(before)
	h.ok(err)
	change(&e)
	after, err := e.Text()
	h.ok(err)
	if bytes.Equal(before, after) {
		h.Fatal("nothing was changed")
	}
	h.row(`UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'message' AND idx = 1`, after)
	if data := entry.LeafData(after, sealed); leaf {
		h.row(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'message' AND idx = 1`, data[:])
	}
}

// says fails where an error's sentence is none of these, or has no German form.
func says(t *testing.T, err error, want []string) {
	t.Helper()
	got, _ := fault.Sentence(err)
	found := false
	for _, w := range want {
		found = found || got == w
	}
	if !found || text.New().Say(text.German, got) == got {
		t.Errorf("%q, want one of %q, in German too", got, want)
	}
}
