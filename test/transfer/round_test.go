package transfer_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"siegel/internal/proto/manifest"
	"siegel/internal/proto/mbox"
	"siegel/test/corpus"
	"siegel/test/stand"
)

// listed reads the manifests of unpacked parts, compares every message in them with its
// SHA-256, and returns these.
func (h *house) listed(dir string) map[[32]byte]int {
	h.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	h.ok(err)
	found := make(map[[32]byte]int)
	for _, part := range parts {
		f, err := os.Open(filepath.Join(part, "manifest.jsonl"))
		h.ok(err)
		_, end, err := manifest.Read(f, func(it manifest.Item) error {
			if it.Problem != "" {
				h.Errorf("problem: %s", it.Problem)
				return nil
			}
			octets := h.octets(filepath.Join(part, it.File), it.Offset)
			sum := sha256.Sum256(octets)
			if hex.EncodeToString(sum[:]) != it.SHA256 || int64(len(octets)) != it.Size {
				h.Errorf("%s %v: other octets than the manifest says", it.File, it.Offset)
			}
			found[sum]++
			return nil
		})
		h.ok(err)
		h.ok(f.Close())
		h.same(part, end.SHA256, filepath.Join(dir, "export.json"))
	}
	return found
}

// same fails where the state of an export does not name the manifest of a part.
func (h *house) same(part, sum, state string) {
	h.Helper()
	b, err := os.ReadFile(state)
	if err != nil {
		return // it was unpacked elsewhere
	}
	if !strings.Contains(string(b), sum) {
		h.Errorf("%s: export.json does not have its manifest", part)
	}
}

// octets returns a message of a part.
func (h *house) octets(path string, offset *int64) []byte {
	h.Helper()
	f, err := os.Open(path)
	h.ok(err)
	defer func() { _ = f.Close() }()
	if offset == nil {
		b, err := io.ReadAll(f)
		h.ok(err)
		return b
	}
	info, err := f.Stat()
	h.ok(err)
	r := mbox.NewReader(f, info.Size(), *offset, mbox.RD)
	h.ok(r.Next())
	b, err := io.ReadAll(r)
	h.ok(err)
	return b
}

// unpack opens the ZIP files of an export by 7-Zip, each into a folder.
func (h *house) unpack(dir, secret string) string {
	h.Helper()
	seven, err := exec.LookPath("7zz")
	if err != nil {
		if seven, err = exec.LookPath("7z"); err != nil {
			h.Skip("skipped: 7-Zip is not installed (scripts/deps.sh test)")
		}
	}
	password, err := os.ReadFile(secret)
	h.ok(err)
	parts, err := filepath.Glob(filepath.Join(dir, "part-*.zip"))
	h.ok(err)
	out := h.TempDir()
	for _, part := range parts {
		to := filepath.Join(out, strings.TrimSuffix(filepath.Base(part), ".zip"))
		if said, err := exec.CommandContext(h.Context(), seven, "x", "-y", "-p"+strings.TrimSpace(string(password)), "-o"+to, part).CombinedOutput(); err != nil {
			h.Fatalf("%v: %s", err, said)
		}
		if _, err := exec.CommandContext(h.Context(), seven, "t", "-pwrong", part).CombinedOutput(); err == nil {
			h.Error("a wrong password opens the part")
		}
	}
	return out
}

// unage opens the parts of an export that are within age files.
func (h *house) unage(dir string, identity age.Identity) string {
	h.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*.zip.age"))
	h.ok(err)
	out := h.TempDir()
	for _, part := range parts {
		f, err := os.Open(part)
		h.ok(err)
		plain, err := age.Decrypt(f, identity)
		h.ok(err)
		b, err := io.ReadAll(plain)
		h.ok(err)
		h.ok(f.Close())
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		h.ok(err)
		h.ok(os.CopyFS(filepath.Join(out, strings.TrimSuffix(filepath.Base(part), ".zip.age")), z))
	}
	return out
}

// RT-09, EX-01, EX-02: the whole real corpus goes in, out as EML, as mboxrd, as
// encrypted ZIP and as age, and in again into a fresh instance: the same SHA-256
// everywhere, and the manifests prove it.
func TestRoundTrip(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	for name, b := range corpus.Messages(t) {
		p.write(strings.TrimSuffix(name, filepath.Ext(name))+".eml", p.has(b))
	}
	p.write("large/large.eml", p.has(stand.NewMail(5<<20).Octets))
	p.write("large/no line end.eml", p.has(append(stand.NewMail(3<<20).Octets, "the end"...)))
	got, diag, status := h.imports(p.dir)
	if want := (totals{int64(len(p.distinct)), p.messages - int64(len(p.distinct)), 0}); got != want || status != 0 {
		t.Fatalf("%+v, want %+v: %s", got, want, diag)
	}
	x25519, err := age.GenerateHybridIdentity()
	h.ok(err)
	recipients := filepath.Join(t.TempDir(), "recipients")
	h.ok(os.WriteFile(recipients, []byte(x25519.Recipient().String()+"\n"), 0o600))
	secret := filepath.Join(t.TempDir(), "secret")
	outs := make(map[string]string)
	for name, args := range map[string][]string{
		"eml":  {"--encrypt", "none"},
		"mbox": {"--encrypt", "none", "--format", "mbox"},
		"zip":  {"--secret-file", secret},
		"box":  {"--secret-file", secret, "--format", "mbox"},
		"age":  {"--encrypt", "age", "--recipients", recipients},
	} {
		outs[name] = filepath.Join(t.TempDir(), name)
		_, diag, status := h.do(append([]string{"export", "--to", outs[name], "--reason", "a test"}, args...)...)
		if status != 0 {
			t.Fatalf("%s: status %d: %s", name, status, diag)
		}
	}
	outs["zip"], outs["box"] = h.unpack(outs["zip"], secret), h.unpack(outs["box"], secret)
	outs["age"] = h.unage(outs["age"], x25519)
	h.stop()
	for _, name := range slices.Sorted(maps.Keys(outs)) {
		found := h.listed(outs[name])
		if len(found) != len(p.distinct) {
			t.Errorf("%s: %d messages, want %d", name, len(found), len(p.distinct))
		}
		for sum := range p.distinct {
			if found[sum] != 1 {
				t.Errorf("%s: a message is there %d times", name, found[sum])
			}
		}
		if name == "box" || name == "age" {
			continue // their files are those of mbox and eml
		}
		fresh := newHouse(t)
		fresh.serve()
		got, diag, _ := fresh.imports(outs[name])
		if want := (totals{int64(len(p.distinct)), 0, 0}); got != want {
			t.Errorf("%s in again: %+v, want %+v: %s", name, got, want, diag)
		}
		fresh.stop()
		kept, _ := fresh.kept()
		for sum := range p.distinct {
			if kept[sum] != 1 {
				t.Errorf("%s in again: a message is there %d times", name, kept[sum])
			}
		}
	}
}

// An export that is killed at random moments ends whole, with every message once.
func TestExportKilled(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p, size, most := newHeap(t), 2500, 8
	if testing.Short() {
		size, most = 1000, 3
	}
	p.mbox("a.mbox", some(size)...)
	if got, diag, _ := h.imports(p.dir); got.Accepted != int64(len(p.distinct)) {
		t.Fatalf("%+v: %s", got, diag)
	}
	out, kills := filepath.Join(t.TempDir(), "out"), 0
	for round := 0; ; round++ {
		if round > 100 {
			t.Fatal("the export does not come to its end")
		}
		r := h.try("export", "--to", out, "--encrypt", "none", "--reason", "a test", "--part", "150", "--json")
		wait := time.Duration(250+stand.Random(500)) * time.Millisecond
		if kills >= most {
			wait = 5 * time.Minute
		}
		select {
		case err := <-r.done:
			if err == nil {
				h.stop()
				found := h.listed(out)
				if len(found) != len(p.distinct) {
					t.Errorf("%d messages, want %d", len(found), len(p.distinct))
				}
				for sum, n := range found {
					if n != 1 || !p.distinct[sum] {
						t.Errorf("a message left %d times", n)
					}
				}
				h.parts(out)
				t.Logf("%d kills", kills)
				return
			}
		case <-time.After(wait):
			kills++
			h.harm(r)
		}
		if h.server == nil {
			h.serve()
		}
	}
}

// An export that Ctrl-C ends says so, with its own status, and goes on afterwards.
func TestExportInterrupted(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.mbox("a.mbox", some(1000)...)
	if got, diag, _ := h.imports(p.dir); got.Accepted != int64(len(p.distinct)) {
		t.Fatalf("%+v: %s", got, diag)
	}
	for range 20 {
		out := filepath.Join(t.TempDir(), "out")
		args := []string{"export", "--to", out, "--encrypt", "none", "--reason", "a test", "--part", "20"}
		cmd := h.command(args...)
		var diag bytes.Buffer
		cmd.Stderr = &diag
		h.ok(cmd.Start())
		for range 60_000 {
			if _, err := os.Stat(filepath.Join(out, "part-0001")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = cmd.Process.Signal(os.Interrupt)
		if cmd.Wait() == nil {
			continue // it was faster
		}
		if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.HasSuffix(diag.String(), "interrupted\n") || strings.Contains(diag.String(), "broke off") {
			t.Errorf("status %d: %s", code, diag.String())
		}
		if _, diag, code := h.do(args...); code != 0 {
			t.Errorf("status %d: %s", code, diag)
		}
		if found := h.listed(out); len(found) != len(p.distinct) {
			t.Errorf("%d messages, want %d", len(found), len(p.distinct))
		}
		h.parts(out)
		return
	}
	t.Error("no export was interrupted")
}

// parts fails where something lies in the folder of an export that is none of its parts.
func (h *house) parts(dir string) {
	h.Helper()
	var state struct{ Parts int }
	b, err := os.ReadFile(filepath.Join(dir, "export.json"))
	h.ok(err)
	h.ok(json.Unmarshal(b, &state))
	want := []string{"export.json"}
	for i := range state.Parts {
		want = append(want, fmt.Sprintf("part-%04d", i+1))
	}
	var got []string
	entries, err := os.ReadDir(dir)
	h.ok(err)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		h.Errorf("%v, want %v", got, want)
	}
}
