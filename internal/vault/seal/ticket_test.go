package seal_test

import (
	"bytes"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
)

// A ticket opens with the key and the context that it was made with, and with nothing
// else; the session that comes of it reaches what the person reaches by then.
func TestTicket(t *testing.T) {
	h := newHouse(t)
	anna, bert := h.person(), h.person()
	archive := h.archive(anna)
	list := h.seal(1, archive, anna)
	s := h.unlock(anna)
	k := secret.Random()
	ticket, err := s.Ticket(k, []byte("anna"), []byte("until"))
	h.ok(err)
	s.Close()
	if _, err := s.Ticket(k); fault.Of(err) != fault.Locked {
		t.Errorf("of a session that has ended: %v", err)
	}
	resumed, err := h.vault.Resume(t.Context(), h.tenant, ticket, k, []byte("anna"), []byte("until"))
	h.ok(err)
	defer resumed.Close()
	h.reads("resumed", resumed, list[0], archive)

	other := h.newTenant()
	for what, f := range map[string]func(seal.Ticket) error{
		"another key": func(t2 seal.Ticket) error {
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, secret.Random(), []byte("anna"), []byte("until"))
			return err
		},
		"another end": func(t2 seal.Ticket) error {
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, k, []byte("anna"), []byte("later"))
			return err
		},
		"another tenant": func(t2 seal.Ticket) error {
			_, err := h.vault.Resume(t.Context(), other, t2, k, []byte("anna"), []byte("until"))
			return err
		},
		"another person": func(t2 seal.Ticket) error {
			t2.Holder = bert.holder
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, k, []byte("anna"), []byte("until"))
			return err
		},
		"another term": func(t2 seal.Ticket) error {
			t2.Term++
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, k, []byte("anna"), []byte("until"))
			return err
		},
		"a bit": func(t2 seal.Ticket) error {
			t2.Box = bytes.Clone(t2.Box)
			t2.Box[len(t2.Box)/2] ^= 1
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, k, []byte("anna"), []byte("until"))
			return err
		},
		"nothing": func(t2 seal.Ticket) error {
			t2.Box = nil
			_, err := h.vault.Resume(t.Context(), h.tenant, t2, k, []byte("anna"), []byte("until"))
			return err
		},
	} {
		h.want(what, f(ticket), fault.Damaged)
	}

	// Access that was taken away meanwhile is not in a session that comes later.
	h.newTerm(archive, bert)
	late := h.seal(1, archive)
	again, err := h.vault.Resume(t.Context(), h.tenant, ticket, k, []byte("anna"), []byte("until"))
	h.ok(err)
	defer again.Close()
	if _, err := read(again, late[0], archive); fault.Of(err) != fault.NotFound {
		t.Errorf("what was sealed after her access was taken: %v", err)
	}
	h.reads("her own", again, list[0], mail.HolderID{})
}
