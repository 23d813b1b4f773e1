package app_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/identity/source"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/test/stand"
)

// A forged report: 10,000 recipients of the tenant, of another one and of nobody, and a
// report within. It is sealed to the people of the source's tenant alone, in bounded
// memory and time. (EX-02, EX-03, D17)
func TestForgedReport(t *testing.T) {
	dir := two(t)
	a := opened(t, dir, nil)
	t.Cleanup(func() { must(t, a.Close()) })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Commit.Run(ctx) }()
	t.Cleanup(func() { stop(); must(t, <-done) })
	admin, err := a.Identity.SignIn(t.Context(), stand.Tenant, "admin@"+stand.Domain, []byte(stand.Password))
	must(t, err)
	defer admin.Close()
	s, err := a.Identity.AddSource(t.Context(), admin, source.Registration{
		Name: "exchange", Address: "journal@" + stand.Domain, Networks: []string{"192.0.2.1"}, Form: mail.Reports,
	})
	must(t, err)
	report := forged("inner", forged("innermost", "Subject: deep\r\n\r\nhello\r\n", 1), 9_997)
	sheet := a.Spool.New()
	defer sheet.Close()
	_, err = io.WriteString(sheet, report)
	must(t, err)
	body, err := sheet.Body()
	must(t, err)
	p := &flow.Passage{
		ID: mail.NewID(), Tenant: admin.Tenant().ID(), Arrived: mail.Time(time.Now()), Body: body,
		Envelope: mail.Envelope{To: []string{"journal@" + stand.Domain}},
		Source:   mail.Source{Door: mail.DoorJournal, Peer: "192.0.2.1", ID: s.ID, Form: s.Form},
	}
	begun := time.Now()
	peak := peakOf(func() { err = a.Flow.Incoming(t.Context(), p) })
	must(t, err)
	if took := time.Since(begun); took > time.Minute || peak > 200<<20 {
		t.Errorf("it took %v and %d MiB", took, peak>>20)
	}
	t.Logf("%d octets with 10,000 recipients took %v and %d MiB", len(report), time.Since(begun).Round(time.Millisecond), peak>>20)
	reader, err := a.Identity.SignIn(t.Context(), stand.Tenant, mail.Address(stand.Reader), []byte(stand.Password))
	must(t, err)
	defer reader.Close()
	m, err := a.Archive.Show(t.Context(), reader, p.Receipt.Message, "")
	must(t, err)
	b, err := io.ReadAll(m)
	must(t, err)
	if want := forged("innermost", "Subject: deep\r\n\r\nhello\r\n", 1); string(b) != want {
		t.Errorf("it was not unwrapped just once: %.300q", b)
	}
	other, err := a.Identity.SignIn(t.Context(), otherTenant, mail.Address("reader@"+otherDomain), []byte(stand.Password))
	must(t, err)
	defer other.Close()
	if _, err := a.Archive.Show(t.Context(), other, p.Receipt.Message, "mine"); err == nil {
		t.Error("a person of another tenant opens it")
	}
	for _, tenant := range []mail.TenantID{admin.Tenant().ID(), other.Tenant().ID()} {
		if w, err := a.Whole(t.Context(), tenant); err != nil || !w.Holds() {
			t.Errorf("%+v, %v", w, err)
		}
	}
}

// forged is a report with that many recipients of nobody, and three who are somebody.
func forged(boundary, message string, more int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=%[1]s\r\n\r\n--%[1]s\r\nContent-Type: text/plain\r\n\r\nSender: x@elsewhere.example\r\n", boundary)
	for i := range more {
		fmt.Fprintf(&b, "To: r%d@%s, Expanded: all@%[2]s\r\n", i, stand.Domain)
	}
	fmt.Fprintf(&b, "Bcc: %s\r\nBcc: reader@%s\r\nBcc: journal@%[2]s\r\n\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--%[3]s--\r\n", stand.Reader, otherDomain, boundary, message)
	return b.String()
}

// peakOf returns how much the heap grows at most while f runs, in octets.
func peakOf(f func()) int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := int64(m.HeapAlloc)
	var peak atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), int64(m.HeapAlloc)-before))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-ended
	return peak.Load()
}

// What a hand changes in the counts is found, and a source that is silent for longer
// than usual: by doctor and ledger verify. (BX-01)
func TestCountsAreLookedAt(t *testing.T) {
	dir := two(t)
	a := opened(t, dir, nil)
	t.Cleanup(func() { must(t, a.Close()) })
	tenant, err := a.Identity.Named(t.Context(), stand.Tenant)
	must(t, err)
	says := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, f := range a.Doctor(t.Context()) {
			if f.Name == "sources" {
				got = append(got, f.State+" "+f.What.String())
			}
		}
		list, err := a.VerifyLedger(t.Context(), tenant.ID)
		must(t, err)
		for _, v := range list {
			for _, p := range v.Problems {
				got = append(got, v.Log+" "+p.Err.Error())
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %q", what, got)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", what, got[i], want[i])
			}
		}
	}
	change := func(query string, args ...any) {
		t.Helper()
		must(t, a.DB.Tenant(tenant.ID).Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), query, args...)
			return err
		}))
	}
	says("untouched", "ok no source is silent")
	change(`UPDATE tally_hour SET tenant = $1, accepted = accepted + 1 WHERE tenant = $1`)
	says("one more", "bad the sources of tenant stand count 2 sealed messages, the message log has 1", "tally the sources count 2 sealed messages, the message log has 1", "tally of the hour")
	change(`UPDATE tally_hour SET tenant = $1, accepted = accepted - 1, earliest = $2, latest = $3 WHERE tenant = $1`,
		mail.Micros(time.Now().Add(-48*time.Hour)), mail.Micros(time.Now().Add(-48*time.Hour)))
	says("silent", "bad a source of tenant stand (lmtp) is silent since")
	change(`UPDATE tally_hour SET tenant = $1, leaf = 0 WHERE tenant = $1`)
	says("entered as something else", "bad a source of tenant stand (lmtp) is silent since", "tally what was counted of a source")
}
