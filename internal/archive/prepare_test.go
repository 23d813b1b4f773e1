package archive_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/archive"
	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/test/corpus"
)

// odd are messages that break rules.
func odd() map[string][]byte {
	parts := bytes.Repeat([]byte("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"), 10_000)
	return map[string][]byte{
		"of no octets":      {},
		"of one octet":      {'x'},
		"no header":         []byte("\r\nbody"),
		"only a header":     []byte("Subject: x"),
		"no end of header":  []byte("Subject: x\r\nbroken line\r\nTo: y"),
		"bare LF":           []byte("Subject: x\n\nbody\n"),
		"bare CR":           []byte("Subject: x\r\r\rbody\r"),
		"NUL":               []byte("Subject: \x00\r\n\r\n\x00\x00\x00"),
		"8-bit header":      []byte("Subject: \xff\xfe\xe4\r\nFrom: \xe4@\xe4\r\n\r\n\xe4"),
		"10 000 parts":      append([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n"), parts...),
		"a long line":       bytes.Repeat([]byte("x"), 300_000),
		"a long header":     append([]byte("X: "), bytes.Repeat([]byte("y "), 500_000)...),
		"10 000 fields":     bytes.Repeat([]byte("To: a@example.com\r\n"), 10_000),
		"ends CR CR LF":     []byte("Subject: x\r\n\r\n.\r\r\n"),
		"small as can be":   []byte("\r\n"),
		"exactly 1 MiB":     bytes.Repeat([]byte{0, 1, 2, 3}, 1<<18),
		"one over 1 MiB":    bytes.Repeat([]byte{7}, 1<<20+1),
		"deep":              append(bytes.Repeat([]byte("Content-Type: message/rfc822\r\n\r\n"), 3000), "x"...),
		"begins with From ": []byte("From a@b Mon Jan  1\nSubject: x\n\nbody"),
	}
}

// EV-01, EX-01: every message, however broken, comes back with the SHA-256 that
// it arrived with.
func TestCorpusComesBack(t *testing.T) {
	list := odd()
	for name, b := range corpus.Messages(t) {
		list[name] = b
	}
	h := newHall(t)
	var mu sync.Mutex
	ids := make(map[string]mail.ID)
	var wait sync.WaitGroup
	limit := make(chan struct{}, 16)
	for name, b := range list {
		limit <- struct{}{}
		wait.Go(func() {
			defer func() { <-limit }()
			p := h.passage(octets(b), "sender@example.org", "ann@example.com")
			if err := h.archive.Prepare(t.Context(), p); err != nil {
				t.Errorf("%s: prepare: %v", name, err)
				return
			}
			if err := h.room.Group(t.Context(), p); err != nil || p.Receipt.Duplicate {
				t.Errorf("%s: commit: %v, %+v", name, err, p.Receipt)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[name] = p.ID
		})
	}
	wait.Wait()
	for name, b := range list {
		if got, err := h.shown(h.members["ann"], ids[name], ""); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %d octets of %d came back, error %v", name, len(got), len(b), err)
		}
	}
	var rows, entries int
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT COUNT(*) FROM archive_message WHERE tenant = $1`).Scan(&rows))
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT COUNT(*) FROM ledger_entry WHERE tenant = $1 AND log = 'message'`).Scan(&entries))
	if rows != len(list) || entries != len(list) {
		t.Errorf("%d rows and %d entries for %d accepted messages", rows, entries, len(list))
	}
}

// EV-02, docs/formats/entry.md: the entry commits to what came: hash, size,
// envelope, source, decision, parts; the openings open it.
func TestEntryCommitsToEverything(t *testing.T) {
	h := newHall(t)
	body := []byte("From: a@example.org\r\nTo: ann@example.com\r\nSubject: x\r\n\r\nbody\r\n")
	p := h.passage(octets(body), "A@example.org", "ann@example.com", "secret@example.com")
	h.ok(h.archive.Prepare(t.Context(), p))
	h.ok(h.room.Group(t.Context(), p))
	var opening, sealedEvidence []byte
	var leaf int64
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT opening, evidence, leaf FROM archive_message WHERE tenant = $1`).Scan(&opening, &sealedEvidence, &leaf))
	text, _, err := h.ledger.Entry(t.Context(), h.tenant, "message", leaf)
	h.ok(err)
	e, err := entry.Parse(text)
	h.ok(err)
	if e.Kind != "message" || e.ID != p.ID || !e.Time.Equal(p.Arrived) || e.Size != int64(len(body)) {
		t.Errorf("entry %+v", e)
	}
	for _, word := range []string{"example", "ann", "subject", entry.Hex(sha256.Sum256(body))} {
		if strings.Contains(strings.ToLower(string(text)), word) {
			t.Errorf("the entry says %q", word)
		}
	}
	o, err := h.members["keeper"].session.Open(t.Context(), p.ID, h.holder)
	h.ok(err)
	defer o.Close()
	content, err := entry.DecodeContent(must(o.OpenOpening(opening)))
	h.ok(err)
	evidence, err := entry.DecodeEvidence(must(o.OpenEvidence(sealedEvidence)))
	h.ok(err)
	if string(content.SHA256.Value) != entry.Hex(sha256.Sum256(body)) {
		t.Errorf("sha256 %s", content.SHA256.Value)
	}
	parts, rest := new(entry.Tree), body
	for i, n := range content.Lengths {
		d := sha256.New()
		salt := entry.PartSalt(content.PartSeed, i)
		d.Write(salt[:])
		d.Write(rest[:n])
		parts.Add(entry.Hash(d.Sum(nil)))
		rest = rest[n:]
	}
	if len(rest) != 0 || len(content.Lengths) < 3 {
		t.Errorf("%d ranges leave %d octets", len(content.Lengths), len(rest))
	}
	var items []string
	for _, item := range evidence.Envelope {
		items = append(items, string(item.Value))
	}
	if want := []string{"MAIL FROM:<A@example.org>", "RCPT TO:<ann@example.com>", "RCPT TO:<secret@example.com>"}; !slices.Equal(items, want) {
		t.Errorf("envelope %q", items)
	}
	if string(evidence.Source.Value) != p.Source.String() || string(evidence.Decision.Value) != "policy 0 archive" {
		t.Errorf("source %q, decision %q", evidence.Source.Value, evidence.Decision.Value)
	}
	for name, o := range map[string]entry.Opening{
		"sha256": content.SHA256, "parts": {Salt: content.PartsSalt, Value: parts.Value()},
		"envelope": {Salt: evidence.EnvelopeSalt, Value: evidence.Tree().Value()}, "source": evidence.Source, "decision": evidence.Decision,
	} {
		h.ok(e.Check(name, o))
	}
	// A reader proves her own recipient, and learns of no other.
	mine, err := h.members["ann"].session.Open(t.Context(), p.ID, h.holder)
	h.ok(err)
	defer mine.Close()
	own, err := entry.DecodeOwn(mine.Own)
	h.ok(err)
	if len(own) != 1 || string(own[0].Item.Value) != "RCPT TO:<ann@example.com>" || bytes.Contains(mine.Own, []byte("secret")) {
		t.Errorf("own openings: %q", mine.Own)
	}
	h.ok(e.Check("envelope", own[0].Envelope))
	h.ok(entry.CheckPath(own[0].Envelope.Value, own[0].Index, own[0].Item.Commit(), own[0].Path))
	_, err = mine.OpenEvidence(sealedEvidence)
	h.want("the reader's evidence", err, fault.Denied)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What the door hashed and what the archive reads have to be the same octets.
func TestBodyThatChanged(t *testing.T) {
	h := newHall(t)
	for name, b := range map[string]flow.Body{
		"other octets": lying{octets("one"), octets("two")},
		"shorter":      lying{octets("one"), octets("on")},
		"longer":       lying{octets("one"), octets("one more")},
		"nothing":      lying{octets("one"), octets("")},
	} {
		p := h.passage(b, "a@example.org", "ann@example.com")
		h.want(name, h.archive.Prepare(t.Context(), p), fault.Damaged)
		if len(p.Units) != 0 {
			t.Errorf("%s: units were left", name)
		}
	}
	p := h.passage(unreadable{octets("one")}, "a@example.org", "ann@example.com")
	if err := h.archive.Prepare(t.Context(), p); !errors.Is(err, errBroken) {
		t.Errorf("a body that cannot be read: %v", err)
	}
	h.err = fault.New(fault.Damaged, "an assignment is not in the ledger")
	p = h.passage(octets("one"), "a@example.org", "ann@example.com")
	h.want("holders that are not in the ledger", h.archive.Prepare(t.Context(), p), fault.Damaged)
	h.err = nil
	nowhere := archive.New(archive.Deps{DB: h.db, Vault: h.archive.Vault, People: h, TempDir: filepath.Join(h.temp, "missing")})
	p = h.passage(octets(make([]byte, 2<<20)), "a@example.org", "ann@example.com")
	h.want("no room for a large one", nowhere.Prepare(t.Context(), p), fault.Exhausted)
}

// lying has the hash and size of one body and the octets of another.
type lying struct{ says, is octets }

func (l lying) Open() (io.ReadCloser, error) { return l.is.Open() }
func (l lying) Size() int64                  { return l.says.Size() }
func (l lying) SHA256() [32]byte             { return l.says.SHA256() }

type unreadable struct{ octets }

func (unreadable) Open() (io.ReadCloser, error) { return nil, errBroken }

// large returns a message of about n octets with a canary on every line.
func large(n int) []byte {
	var b bytes.Buffer
	b.WriteString("From: a@example.org\r\nTo: ann@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\ncanary-8812\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	r := rand.New(rand.NewPCG(1, 2))
	for b.Len() < n {
		fmt.Fprintf(&b, "canary8812%016x%016x%016x\r\n", r.Uint64(), r.Uint64(), r.Uint64())
	}
	b.WriteString("--b--\r\n")
	return b.Bytes()
}

// CR-08, EX-03: a large message goes through encrypted files without names, in
// bounded memory, and comes back.
func TestLargeMessages(t *testing.T) {
	h := newHall(t)
	for _, size := range []int{5 << 20, 40 << 20} {
		stop, seen := h.watchFiles([]byte("canary"))
		sheet := h.spool.New()
		sum := h.write(sheet, large(size))
		body, err := sheet.Body()
		h.ok(err)
		peak := memory(func() {
			id := h.deliver(body, "a@example.org", "ann@example.com")
			m, err := h.archive.Show(t.Context(), h.members["ann"], id, "")
			h.ok(err)
			d := sha256.New()
			n, err := io.Copy(d, m)
			if err != nil || entry.Hash(d.Sum(nil)) != sum {
				t.Errorf("%d octets came back, error %v", n, err)
			}
			h.ok(m.Close())
		})
		h.ok(sheet.Close())
		stop()
		t.Logf("%d MiB: at most %d MiB of heap, %d looks at open files", size>>20, peak>>20, seen())
		if peak > 24<<20 {
			t.Errorf("%d MiB took %d MiB of heap", size>>20, peak>>20)
		}
		if seen() == 0 {
			t.Error("nobody looked at the files")
		}
		if left, err := os.ReadDir(h.temp); err != nil || len(left) != 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
	}
}

// write fills a sheet in pieces, as a door does, and returns the hash.
func (h *hall) write(sheet flow.Sheet, whole []byte) entry.Hash {
	h.Helper()
	for rest := whole; len(rest) > 0; {
		n := min(len(rest), 64<<10)
		_, err := sheet.Write(rest[:n])
		h.ok(err)
		rest = rest[n:]
	}
	return sha256.Sum256(whole)
}

// memory returns by how much the heap grew at most while f ran.
func memory(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	base, peak := int64(s.HeapAlloc), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var s runtime.MemStats
		for {
			runtime.ReadMemStats(&s)
			peak = max(peak, int64(s.HeapAlloc)-base)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak
}

// watchFiles looks again and again into every file in the directory of
// temporary files and every regular file that this process has open, with a
// name or without, for octets that must not be there.
func (h *hall) watchFiles(canary []byte) (stop func(), looked func() int64) {
	var n atomic.Int64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			paths, _ := filepath.Glob(filepath.Join(h.temp, "*"))
			fds, _ := filepath.Glob("/proc/self/fd/*")
			for _, path := range append(paths, fds...) {
				if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
					continue
				}
				// Beginning and end are enough: every line has a canary.
				f, err := os.Open(path)
				if err != nil {
					continue
				}
				first, last := make([]byte, 256<<10), make([]byte, 64<<10)
				k, _ := f.Read(first)
				m := 0
				if info, err := f.Stat(); err == nil && info.Size() > int64(len(last)) {
					m, _ = f.ReadAt(last, info.Size()-int64(len(last)))
				}
				_ = f.Close()
				n.Add(1)
				if bytes.Contains(first[:k], canary) || bytes.Contains(last[:m], canary) {
					target, _ := os.Readlink(path)
					h.Errorf("%s (%s) has the message in the clear", path, target)
				}
			}
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() { close(quit); <-done }, n.Load
}

// CR-08: what is in the store and in the database has no word of a message.
func TestNothingInTheClear(t *testing.T) {
	dir := filepath.Dir(t.TempDir()) // all directories of this test lie there
	h := newHall(t)
	body := []byte("From: canary1@example.org\r\nTo: ann@example.com\r\nSubject: canary2\r\n\r\ncanary3\r\n")
	id := h.deliver(octets(body), "canary4@example.org", "ann@example.com", "canary5@example.com")
	_, err := h.shown(h.members["keeper"], id, "canary6")
	h.ok(err)
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		if bytes.Contains(b, []byte("canary")) {
			t.Errorf("%s has a word of the message", path)
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files, error %v", files, err)
	}
}
