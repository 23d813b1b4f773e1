package unwrap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"siegel/internal/flow"
	"siegel/internal/flow/unwrap"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/journal"
)

type octets []byte

func (b octets) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
func (b octets) Size() int64                  { return int64(len(b)) }
func (b octets) SHA256() [32]byte             { return sha256.Sum256(b) }

func passage(body flow.Body, form mail.Form) *flow.Passage {
	return &flow.Passage{
		Body: body, Envelope: mail.Envelope{From: "x@y.example", To: []string{"journal@clinic.example"}},
		Source: mail.Source{Door: mail.DoorJournal, ID: mail.ID{1}, Form: form},
	}
}

func read(t *testing.T, b flow.Body) string {
	t.Helper()
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if b.Size() != int64(len(all)) || b.SHA256() != sha256.Sum256(all) {
		t.Errorf("size or hash are others than those of the octets")
	}
	return string(all)
}

func reports(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	list, err := filepath.Glob("../../proto/journal/testdata/" + folder + "/*.eml")
	if err != nil || len(list) == 0 {
		t.Fatal("no reports", err)
	}
	out := make(map[string][]byte)
	for _, name := range list {
		if out[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A report becomes its message and its envelope, and what is kept of the rest gives
// the report again (docs/formats/journal.md).
func TestReports(t *testing.T) {
	for name, b := range reports(t, "report") {
		p := passage(octets(b), mail.Reports)
		if err := unwrap.New().Prepare(t.Context(), p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Source.Mark != mail.MarkReport {
			t.Errorf("%s: %s", name, p.Source.Mark)
			continue
		}
		message := read(t, p.Body)
		if message != read(t, p.Body) || len(message) >= len(b) {
			t.Errorf("%s: %q", name, message)
		}
		if name == "classic.eml" {
			got := fmt.Sprintf("%q %q", p.Envelope.To, p.Envelope.How)
			want := `["bob@clinic.example" "carl@partner.example" "dora@clinic.example" "erik@clinic.example"] ` +
				`["to expanded:team@clinic.example" "cc" "bcc" "recipient forwarded:old@clinic.example"]`
			if got != want || p.Envelope.From != "anna@clinic.example" {
				t.Errorf("%s: %s", name, got)
			}
			if got := p.Envelope.Item(3); got != "RCPT TO:<erik@clinic.example> recipient forwarded:old@clinic.example" {
				t.Error(got)
			}
		}
		f, err := tuple.Parse("siegel/v1 report", p.Report)
		if err != nil || len(f) != 6 || string(f[4]) != "x@y.example" || string(f[5]) != "journal@clinic.example" {
			t.Fatalf("%s: %q, %v", name, f, err)
		}
		again := bytes.NewBuffer(bytes.Clone(f[1]))
		if err := journal.Rebuild(again, strings.NewReader(message), string(f[3])); err != nil {
			t.Fatal(err)
		}
		again.Write(f[2])
		if sum := sha256.Sum256(b); !bytes.Equal(again.Bytes(), b) || !bytes.Equal(f[0], sum[:]) {
			t.Errorf("%s: another report", name)
		}
	}
}

// What cannot be unwrapped goes on as it came, with a mark; nothing is refused.
func TestAsItCame(t *testing.T) {
	irregular := bytes.Replace(reports(t, "report")["message-qp.eml"], []byte("w=F6rld"), []byte("w=f6 =  \r\nrld"), 1)
	lying := bytes.Replace(reports(t, "report")["message-base64.eml"], []byte("\r\n\r\nRnJv"), []byte("\r\n\r\nRn!Jv"), 1)
	bad := reports(t, "bad")
	bad["irregular"], bad["lying"] = irregular, lying
	for name, b := range bad {
		as(t, name, b, mail.Reports, mail.MarkUndecodable)
		as(t, name, b, mail.Copies, mail.MarkMessage)
	}
	classic := reports(t, "report")["classic.eml"]
	// A source of plain copies hands in no reports, whatever a sender wrote.
	as(t, "a report as a copy", classic, mail.Copies, mail.MarkMessage)
	as(t, "a report as a copy", classic, mail.CopiesFields, mail.MarkMessage)
	as(t, "no report", []byte("Subject: x\r\n\r\ny"), mail.Reports, mail.MarkMessage)
	as(t, "nothing", nil, mail.Reports, mail.MarkMessage)
	as(t, "nothing", nil, mail.CopiesFields, mail.MarkMessage)
	p := passage(octets(classic), mail.Reports)
	p.Source = mail.Source{Door: mail.DoorLMTP}
	if err := unwrap.New().Prepare(t.Context(), p); err != nil || p.Report != nil || p.Source.Mark != "" {
		t.Errorf("by LMTP: %v, %+v", err, p)
	}
}

func as(t *testing.T, name string, b []byte, form mail.Form, mark string) {
	t.Helper()
	p := passage(octets(b), form)
	if err := unwrap.New().Prepare(t.Context(), p); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if p.Source.Mark != mark || read(t, p.Body) != string(b) || p.Report != nil || len(p.Envelope.To) != 1 || p.Envelope.From != "x@y.example" {
		t.Errorf("%s as %s: %+v", name, form, p)
	}
}

type broken struct{ octets }

var errBroken = errors.New("broken")

func (broken) Open() (io.ReadCloser, error) { return nil, errBroken }

// A body that cannot be read is no report that cannot be decoded: the sender comes
// again.
func TestBroken(t *testing.T) {
	for _, form := range []mail.Form{mail.Reports, mail.CopiesFields} {
		if err := unwrap.New().Prepare(t.Context(), passage(broken{}, form)); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// What surrounds messages takes memory from a common share, and gives it back with
// the passage.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unwrap.New()
		b := "X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: a@b.example\r\nTo: c@d.example\r\n" +
			strings.Repeat("Label: "+strings.Repeat("x", 1000)+"\r\n", 4000) + "--b\r\nContent-Type: message/rfc822\r\n\r\nS: x\r\n--b--\r\n"
		var open []*flow.Passage
		for {
			p := passage(octets(b), mail.Reports)
			err := r.Prepare(t.Context(), p)
			if fault.Of(err) == fault.Exhausted && err != nil {
				break
			}
			if err != nil || p.Source.Mark != mail.MarkReport {
				t.Fatalf("%v, %s", err, p.Source.Mark)
			}
			open = append(open, p)
		}
		if n := len(open) * 4 * len(b); n > unwrap.Memory || len(open) < 2 {
			t.Errorf("%d passages are open", len(open))
		}
		open[0].Release()
		if err := r.Prepare(t.Context(), passage(octets(b), mail.Reports)); err != nil {
			t.Error(err)
		}
	})
}

// gated is a body that is opened when the gate is.
type gated struct {
	octets
	gate   chan struct{}
	opened *atomic.Int64
}

func (g gated) Open() (io.ReadCloser, error) {
	g.opened.Add(1)
	<-g.gate
	return g.octets.Open()
}

// A report has its share of the memory before it is read, for the most that its size
// allows, and gives back what it does not need: of a hundred at once few are read, and
// all of them in the end.
func TestMemoryOfMany(t *testing.T) {
	var text strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&text, "To: r%05d@clinic.example, Expanded: a-rather-long-list-of-everybody@clinic.example\r\n", i)
	}
	head := "X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: a@b.example\r\n"
	end := "--b\r\nContent-Type: message/rfc822\r\n\r\nS: x\r\n--b--\r\n"
	for _, c := range []struct {
		mark, text string
		read       int64 // at once, at most
	}{
		{mail.MarkReport, head + text.String() + end, 2},
		{mail.MarkUndecodable, head + text.String(), 2}, // it shows at its end
		{mail.MarkReport, head + "To: c@d.example\r\n" + end, 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, gate, opened := unwrap.New(), make(chan struct{}), new(atomic.Int64)
			var wait sync.WaitGroup
			for range 100 {
				wait.Go(func() {
					p := passage(gated{octets(c.text), gate, opened}, mail.Reports)
					if err := r.Prepare(t.Context(), p); err != nil || p.Source.Mark != c.mark {
						t.Errorf("%v, %s", err, p.Source.Mark)
					}
					p.Release()
				})
			}
			synctest.Wait()
			if n := opened.Load(); n == 0 || n > c.read {
				t.Errorf("%d of %d octets are read at once", n, len(c.text))
			}
			close(gate)
			wait.Wait()
		})
	}
}

// Delivery fields name recipients where a source is trusted with them, each once,
// and a hundred at most.
func TestFields(t *testing.T) {
	text := "X-Gm-Original-To: anna@clinic.example\r\nDelivered-To: <bob@clinic.example>,\r\n carl@clinic.example\r\nX-Original-To: Anna@clinic.example\r\n" +
		"Delivered-To: journal@clinic.example\r\nDelivered-To: nonsense\r\nTo: dora@clinic.example\r\n\r\nDelivered-To: erik@clinic.example\r\n"
	p := passage(octets(text), mail.CopiesFields)
	if err := unwrap.New().Prepare(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var items []string
	for i := range p.Envelope.To {
		items = append(items, p.Envelope.Item(i))
	}
	want := "RCPT TO:<journal@clinic.example>|RCPT TO:<anna@clinic.example> field x-gm-original-to|RCPT TO:<bob@clinic.example> field delivered-to|RCPT TO:<carl@clinic.example> field delivered-to"
	if got := strings.Join(items, "|"); got != want {
		t.Error(got)
	}
	for i, item := range items {
		if got := mail.ItemAddress(item); got.String() != p.Envelope.To[i] {
			t.Errorf("%s: %s", item, got)
		}
	}
	var many, long strings.Builder
	long.WriteString("Delivered-To: ")
	for i := range 12_000 {
		fmt.Fprintf(&many, "Delivered-To: r%d@clinic.example\r\n", i)
		fmt.Fprintf(&long, "r%d@clinic.example,", i)
	}
	for what, text := range map[string]string{"many fields": many.String(), "a long one": long.String() + "\r\n\r\n"} {
		p = passage(octets(text), mail.CopiesFields)
		if err := unwrap.New().Prepare(t.Context(), p); err != nil || len(p.Envelope.To) != 101 || len(p.Envelope.How) != 101 {
			t.Errorf("%s: %d recipients, %v", what, len(p.Envelope.To), err)
		}
	}
}

// A large encoded message is decoded while it is read, again and again.
func TestLarge(t *testing.T) {
	message := bytes.Repeat([]byte("0123456789abcdef\r\n"), 200_000)
	var lines strings.Builder
	all := base64.StdEncoding.EncodeToString(message)
	for len(all) > 76 {
		lines.WriteString(all[:76] + "\r\n")
		all = all[76:]
	}
	lines.WriteString(all)
	b := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: a@b.example\r\nTo: c@d.example\r\n--b\r\nContent-Type: message/rfc822\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + lines.String() + "\r\n--b--\r\n"
	p := passage(octets(b), mail.Reports)
	if err := unwrap.New().Prepare(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if p.Source.Mark != mail.MarkReport || read(t, p.Body) != string(message) || len(p.Report) > 1000 {
		t.Errorf("%s, %d octets around", p.Source.Mark, len(p.Report))
	}
}
