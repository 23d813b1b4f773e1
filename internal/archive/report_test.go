package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"siegel/internal/archive"
	"siegel/internal/flow/unwrap"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// wrapped archives what a source of reports handed in.
func (h *hall) wrapped(b []byte) mail.ID {
	h.Helper()
	return h.handed(mail.Reports, "", b)
}

// handed archives what a source of a form handed in.
func (h *hall) handed(form mail.Form, from string, b []byte) mail.ID {
	h.Helper()
	p := h.passage(octets(b), from, "journal@example.com")
	p.Source = mail.Source{Door: mail.DoorJournal, Peer: "192.0.2.1", ID: mail.ID{7}, Form: form}
	h.ok(unwrap.New().Prepare(context.Background(), p))
	h.ok(h.archive.Prepare(context.Background(), p))
	h.ok(h.room.Group(context.Background(), p))
	return p.Receipt.Message
}

// A journal report: the message is found as it was under its real recipients, also
// under blind copies; who holds the archive gets the report again octet by octet,
// and nobody else does.
func TestReport(t *testing.T) {
	h := newHall(t)
	message := "From: x@elsewhere.example\r\nTo: list@example.com\r\nSubject: s\r\n\r\nhello\r\n"
	report := []byte("X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" +
		"Sender: x@elsewhere.example\r\nBcc: ann@example.com\r\nTo: carl@example.com, Expanded: list@example.com\r\nTo: stranger@other.example\r\n\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\n" + message + "\r\n--b--\r\n")
	id := h.wrapped(report)
	ann, bob, keeper := h.members["ann"], h.members["bob"], h.members["keeper"]
	if b, err := h.shown(ann, id, ""); err != nil || string(b) != message {
		t.Errorf("who got it as a blind copy: %q, %v", b, err)
	}
	_, err := h.shown(bob, id, "a reason")
	h.want("who did not get it", err, fault.NotFound)
	m, err := h.archive.Show(t.Context(), keeper, id, "a reason")
	h.ok(err)
	h.ok(m.Close())
	want := mail.ID{7}.String() + " report"
	if !strings.HasPrefix(m.Source, "journal ") || !strings.HasSuffix(m.Source, want) {
		t.Errorf("source %q", m.Source)
	}
	m, err = h.archive.Show(t.Context(), ann, id, "")
	h.ok(err)
	h.ok(m.Close())
	if m.Source != "" {
		t.Errorf("a reader learns the source: %q", m.Source)
	}
	_, err = h.archive.ShowReport(t.Context(), ann, id, "")
	h.want("a reader", err, fault.Denied)
	m, err = h.archive.ShowReport(t.Context(), keeper, id, "a reason")
	h.ok(err)
	b, err := io.ReadAll(m)
	if err := errors.Join(err, m.Close()); err != nil || !bytes.Equal(b, report) {
		t.Errorf("%q, %v", b, err)
	}
	m, err = h.archive.ShowReport(t.Context(), keeper, id, "a reason")
	h.ok(err)
	h.ok(m.Close()) // before its end
	_, err = h.archive.ShowReport(t.Context(), keeper, h.deliver(octets(message), "", "ann@example.com"), "a reason")
	h.want("no report", err, fault.NotFound)
	if again := h.wrapped(report); again != id {
		t.Error("the same report again was not recognised")
	}
	// With other surroundings it is another one.
	if other := h.wrapped(bytes.Replace(report, []byte("boundary=b"), []byte("boundary=\"b\""), 1)); other == id {
		t.Error("another report was counted as the same")
	}
	clean := func() (n int) {
		t.Helper()
		_, err := h.archive.VerifyOpened(t.Context(), keeper, archive.Opening{Found: func(archive.Finding) { n++ }})
		h.ok(err)
		return n
	}
	if n := clean(); n != 0 {
		t.Errorf("%d problems", n)
	}
	for what, query := range map[string]string{
		"gone":   `UPDATE archive_message SET tenant = $1, report = NULL WHERE tenant = $1 AND id = $2`,
		"others": `UPDATE archive_message SET tenant = $1, report = evidence WHERE tenant = $1 AND id = $2`,
	} {
		h.row(query, id.Bytes())
		_, err := h.archive.ShowReport(t.Context(), keeper, id, "a reason")
		h.want("surroundings that are "+what, err, fault.Damaged)
		if n := clean(); n != 1 {
			t.Errorf("surroundings that are %s: %d problems", what, n)
		}
	}
}

// A report with 10,000 recipients is archived with bounded memory.
func TestReportOfMany(t *testing.T) {
	h := newHall(t)
	var text strings.Builder
	for range 9_999 {
		text.WriteString("To: " + mail.NewID().String() + "@example.com, Expanded: all@example.com\r\n")
	}
	report := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: x@elsewhere.example\r\n" + text.String() +
		"To: bob@example.com, Expanded: all@example.com\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nhello\r\n--b--\r\n")
	var id mail.ID
	if n := memory(func() { id = h.wrapped(report) }); n > 64<<20 {
		t.Errorf("%d octets of memory", n)
	}
	if b, err := h.shown(h.members["bob"], id, ""); err != nil || string(b) != "Subject: s\r\n\r\nhello" {
		t.Errorf("%q, %v", b, err)
	}
}

// What cannot be decoded is archived as it came, and who holds the archive sees it.
// Readers do not, whatever address of theirs stands in its outer header or in the
// transaction: the envelope with the blind copies is in it. They are given none later.
func TestUndecodableReport(t *testing.T) {
	h := newHall(t)
	report, err := os.ReadFile("../proto/journal/testdata/bad/truncated.eml")
	h.ok(err)
	report = append([]byte("From: ann@example.com\r\nTo: bob@example.com\r\n"), report...)
	h.people["journal@example.com"] = h.people["bob@example.com"]
	id := h.wrapped(report)
	keeper := h.members["keeper"]
	for _, name := range []string{"ann", "bob"} {
		reader := h.members[name]
		_, err := h.shown(reader, id, "")
		h.want(name, err, fault.NotFound)
		owner := mail.Owner{Holder: reader.holder, Addresses: []mail.Address{mail.Address(name + "@example.com"), "journal@example.com"}}
		if n, err := h.archive.Regrant(t.Context(), keeper, owner, func(int64, int64) {}); n != 0 || err != nil {
			t.Errorf("%s was given %d, %v", name, n, err)
		}
		_, err = h.shown(reader, id, "")
		h.want(name+" later", err, fault.NotFound)
	}
	b, err := h.shown(h.members["keeper"], id, "a reason")
	if err != nil || !bytes.Equal(b, report) {
		t.Errorf("%q, %v", b, err)
	}
	m, err := h.archive.Show(t.Context(), h.members["keeper"], id, "a reason")
	h.ok(err)
	h.ok(m.Close())
	if !strings.HasSuffix(m.Source, " undecodable") {
		t.Errorf("source %q", m.Source)
	}
	checked, err := h.archive.VerifyOpened(t.Context(), keeper, archive.Opening{Found: func(f archive.Finding) { t.Error(f) }})
	if err != nil || checked != 1 {
		t.Errorf("%d checked, %v", checked, err)
	}
}

// A copy whose delivery field names who got it is read by him and the envelope's
// sender, now and when older mail is given: whoever stands in the header would learn
// of a blind copy from it. Where no field names anybody the header counts.
func TestDeliveryFields(t *testing.T) {
	h := newHall(t)
	keeper, ann, bob := h.members["keeper"], h.members["ann"], h.members["bob"]
	text := "From: boss@example.com\r\nTo: ann@example.com\r\nCc: keeper@example.com\r\n\r\n"
	h.people["boss@example.com"] = h.people["ann@example.com"]
	blind := h.handed(mail.CopiesFields, "", []byte("X-Gm-Original-To: bob@example.com\r\n"+text+"1"))
	sent := h.handed(mail.CopiesFields, "boss@example.com", []byte("Delivered-To: x@other.example\r\n"+text+"2"))
	plain := h.handed(mail.CopiesFields, "", []byte(text+"3"))
	copied := h.handed(mail.Copies, "", []byte("X-Gm-Original-To: bob@example.com\r\n"+text+"4"))
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			what  string
			id    mail.ID
			reads map[*visitor]bool
		}{
			{"a blind copy", blind, map[*visitor]bool{bob: true}},
			{"what was sent", sent, map[*visitor]bool{ann: true}},
			{"no field", plain, map[*visitor]bool{ann: true}},
			{"a field that is not believed", copied, map[*visitor]bool{ann: true}},
		} {
			for _, v := range []*visitor{ann, bob} {
				_, err := h.shown(v, c.id, "")
				if c.reads[v] {
					h.ok(err)
				} else {
					h.want(when+": "+c.what, err, fault.NotFound)
				}
			}
		}
	}
	check("as it came")
	for _, one := range []struct {
		v         *visitor
		addresses []mail.Address
	}{{ann, []mail.Address{"ann@example.com", "boss@example.com"}}, {bob, []mail.Address{"bob@example.com"}}} {
		if n, err := h.archive.Regrant(t.Context(), keeper, mail.Owner{Holder: one.v.holder, Addresses: one.addresses}, func(int64, int64) {}); n != 0 || err != nil {
			t.Errorf("%d given, %v", n, err)
		}
	}
	check("later")
	// Whose address in the field becomes hers later is given it.
	carl := mail.Owner{Holder: bob.holder, Addresses: []mail.Address{"x@other.example"}}
	if n, err := h.archive.Regrant(t.Context(), keeper, carl, func(int64, int64) {}); n != 1 || err != nil {
		t.Errorf("%d given, %v", n, err)
	}
	_, err := h.shown(bob, sent, "")
	h.ok(err)
}
