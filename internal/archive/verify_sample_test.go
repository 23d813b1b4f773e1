package archive_test

import (
	"slices"
	"testing"

	"siegel/internal/mail"
	"siegel/internal/vault/blob"
)

// A look at packs finds the newest that are missing, bounded by its number, and
// takes an archive without any for whole (EV-07).
func TestSample(t *testing.T) {
	h := newHall(t)
	s, err := h.archive.Sample(t.Context(), h.tenant, 20)
	h.ok(err)
	if s.Looked != 0 || len(s.Missing) != 0 {
		t.Errorf("of nothing: %+v", s)
	}
	for range 5 {
		h.deliver(octets("Subject: x\r\n\r\nx\r\n"), "a@x.test", "ann@example.com")
	}
	s, err = h.archive.Sample(t.Context(), h.tenant, 20)
	h.ok(err)
	if s.Looked != 5 || len(s.Missing) != 0 {
		t.Errorf("five packs: %+v", s)
	}
	var raw []byte
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT pack FROM archive_message WHERE tenant = $1 AND leaf = $2`, 4).Scan(&raw))
	lost, err := mail.IDFrom(raw)
	h.ok(err)
	h.ok(h.store.Delete(t.Context(), blob.PackName(h.tenant.ID(), lost)))
	s, err = h.archive.Sample(t.Context(), h.tenant, 1)
	h.ok(err)
	if s.Looked > 2 || !slices.Equal(s.Missing, []mail.ID{lost}) {
		t.Errorf("the newest is missing: %+v", s)
	}
}
