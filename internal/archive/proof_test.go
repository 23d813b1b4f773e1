package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/app"
	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/bundle"
	"siegel/internal/vault/db"
	"siegel/test/stand"
)

// house is a server without doors, with one tenant.
type house struct {
	*app.App
	t       *testing.T
	keeper  *identity.Session
	reader  *identity.Session
	stopped chan error
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(ctx, dir); err != nil {
		t.Fatal(err)
	}
	a, err := stand.Open(ctx, app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{App: a, t: t, stopped: make(chan error, 1)}
	run, cancel := context.WithCancel(context.Background())
	go func() { h.stopped <- a.Commit.Run(run) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-h.stopped, a.Close()); err != nil {
			t.Error(err)
		}
	})
	h.keeper, h.reader = h.signIn(stand.Keeper), h.signIn(stand.Reader)
	return h
}

func (h *house) signIn(who mail.Address) *identity.Session {
	h.t.Helper()
	s, err := h.Identity.SignIn(h.t.Context(), stand.Tenant, who, []byte(stand.Password))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(s.Close)
	return s
}

// send takes a message to the commit.
func (h *house) send(octets []byte, to ...string) mail.ID {
	h.t.Helper()
	sheet := h.Spool.New()
	h.t.Cleanup(func() { _ = sheet.Close() })
	if _, err := sheet.Write(octets); err != nil {
		h.t.Fatal(err)
	}
	body, err := sheet.Body()
	if err != nil {
		h.t.Fatal(err)
	}
	p := &flow.Passage{
		ID: mail.NewID(), Tenant: h.keeper.Tenant().ID(), Arrived: mail.Time(h.Now()), Body: body,
		Envelope: mail.Envelope{From: "sender@elsewhere.example", To: to}, Source: mail.Source{Door: "lmtp", Peer: "unix"},
	}
	if err := h.Flow.Incoming(h.t.Context(), p); err != nil {
		h.t.Fatal(err)
	}
	return p.ID
}

// proof returns the bundle and what its reader finds who knows the archive.
func (h *house) proof(s *identity.Session, of archive.ProofOf) ([]byte, *bundle.Report) {
	h.t.Helper()
	var w bytes.Buffer
	if err := h.Evidence.Notary.Proof(h.t.Context(), s, of, &w); err != nil {
		h.t.Fatal(err)
	}
	key := h.Evidence.Signer.Key()
	r := bundle.Verify(bytes.NewReader(w.Bytes()), int64(w.Len()), bundle.Trust{Key: &key, Stamps: h.Evidence.Stamps})
	if r.Verdict != bundle.Verified {
		h.t.Fatalf("%v: %+v", r.Verdict, r.Lines)
	}
	return w.Bytes(), r
}

// proofs counts the audit events of bundles.
func (h *house) proofs() (n int) {
	h.t.Helper()
	err := h.Trail.List(h.t.Context(), h.keeper.Tenant(), nil, 1000, func(e audit.Entry) error {
		if e.What == "message.proof" {
			n++
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

const letter = "From: sender@elsewhere.example\r\nTo: reader@stand.example\r\nSubject: proof\r\n\r\nA letter.\r\n"

// EV-04: a keeper's bundle has the whole envelope, a reader's only her own
// line; both are verified. Every one is in the audit log.
func TestProof(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	id := h.send([]byte(letter), stand.Reader, "blind@stand.example")
	large := h.send([]byte(letter+strings.Repeat("0123456789abcdef\r\n", 200_000)), stand.Reader)
	odd := h.send([]byte("no header\x00\xff\nbare line feeds\r\r\n"), stand.Reader)
	other := h.send([]byte(strings.ReplaceAll(letter, "reader@", "somebody@")), "blind@stand.example")

	err := h.Evidence.Notary.Proof(ctx, h.reader, archive.ProofOf{ID: id}, io.Discard)
	if fault.Of(err) != fault.Busy {
		t.Errorf("before the checkpoint: %v", err)
	}
	if n := h.proofs(); n != 0 {
		t.Errorf("%d bundles in the audit log before there was one", n)
	}
	if err := h.ProofNow(ctx); err != nil {
		t.Fatal(err)
	}

	b, r := h.proof(h.keeper, archive.ProofOf{ID: id, Reason: "a court asks"})
	want := []string{"MAIL FROM:<sender@elsewhere.example>", "RCPT TO:<" + stand.Reader + ">", "RCPT TO:<blind@stand.example>"}
	if !slices.Equal(r.Facts.Envelope, want) || r.Facts.Source != "lmtp unix -" || r.Facts.Decision != "policy 0 archive" {
		t.Errorf("keeper: %+v", r.Facts)
	}
	if got := file(t, b, "message.eml"); string(got) != letter {
		t.Errorf("message %q", got)
	}
	b, r = h.proof(h.reader, archive.ProofOf{ID: id})
	if !slices.Equal(r.Facts.Envelope, want[1:2]) || r.Facts.Source != "" || bytes.Contains(b, []byte("blind")) {
		t.Errorf("reader: %+v", r.Facts)
	}
	h.proof(h.reader, archive.ProofOf{ID: large})
	h.proof(h.keeper, archive.ProofOf{ID: odd, Reason: "reason"})
	h.proof(h.keeper, archive.ProofOf{ID: other, Reason: "reason"})
	h.bare(id)
	if n := h.proofs(); n != 7 {
		t.Errorf("%d bundles in the audit log, want 7", n)
	}

	for what, err := range map[string]error{
		"without a reason": h.Evidence.Notary.Proof(ctx, h.keeper, archive.ProofOf{ID: id}, io.Discard),
		"somebody else's":  h.Evidence.Notary.Proof(ctx, h.reader, archive.ProofOf{ID: other, Reason: "curious"}, io.Discard),
		"not there":        h.Evidence.Notary.Proof(ctx, h.reader, archive.ProofOf{ID: mail.NewID()}, io.Discard),
	} {
		kind := fault.NotFound
		if what == "without a reason" {
			kind = fault.Invalid
		}
		if fault.Of(err) != kind {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// bare: without the message a bundle shows what was committed to, the envelope
// as far as each may see it, and no octet and no part of the message.
func (h *house) bare(id mail.ID) {
	h.t.Helper()
	b, r := h.proof(h.keeper, archive.ProofOf{ID: id, Reason: "a court asks", WithoutMessage: true})
	if len(r.Facts.Envelope) != 3 || r.Facts.SHA256 == "" || r.Facts.Size != int64(len(letter)) {
		h.t.Errorf("keeper, without the message: %+v", r.Facts)
	}
	mine, r := h.proof(h.reader, archive.ProofOf{ID: id, WithoutMessage: true})
	if len(r.Facts.Envelope) != 1 {
		h.t.Errorf("reader, without the message: %+v", r.Facts)
	}
	for _, z := range [][]byte{b, mine} {
		for _, name := range []string{"message.eml", "parts.bin", "opening/parts.bin"} {
			if has(h.t, z, name) {
				h.t.Errorf("%s is in a bundle without the message", name)
			}
		}
		if bytes.Contains(z, []byte("A letter.")) || bytes.Contains(z, []byte("Subject: proof")) {
			h.t.Error("octets of the message are in a bundle without it")
		}
	}
}

// has reports whether a bundle has a file.
func has(t *testing.T, b []byte, name string) bool {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == name })
}

// A bundle that its reader would refuse does not leave the house.
func TestProofOfDamaged(t *testing.T) {
	h := newHouse(t)
	id := h.send([]byte(letter), stand.Reader)
	if err := h.ProofNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	tenant := h.keeper.Tenant()
	err := tenant.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE ledger_entry SET tenant = $1, sealed = $2 WHERE tenant = $1 AND log = 'message'`, make([]byte, 32))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	if err := h.Evidence.Notary.Proof(t.Context(), h.reader, archive.ProofOf{ID: id}, &w); fault.Of(err) != fault.Damaged || w.Len() != 0 {
		t.Errorf("%d octets, %v", w.Len(), err)
	}
}

// file returns one file of a bundle.
func file(t *testing.T, b []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return content
}
