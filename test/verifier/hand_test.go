package verifier_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

// tool says that a test is skipped where a program is missing.
func tool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("skipped: %s is not installed", name)
	}
}

// unpack writes the files of a bundle into a new folder.
func unpack(t testing.TB, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	names, content := files(t, b)
	for _, n := range names {
		path := filepath.Join(dir, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content[n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// trusted writes what came from elsewhere and returns the two files.
func trusted(t testing.TB, i *verifier.Instance) (key, roots string) {
	t.Helper()
	dir := t.TempDir()
	key, roots = filepath.Join(dir, "ledger.pub"), filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(key, []byte(i.Key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(roots, stamp.Encode(i.TSA.Roots()), 0o600); err != nil {
		t.Fatal(err)
	}
	return key, roots
}

// byHand runs the instructions of README.txt.
func byHand(t testing.TB, dir string, i *verifier.Instance) (string, error) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for line := range strings.Lines(string(readme)) {
		if s, ok := strings.CutPrefix(line, "            "); ok {
			script.WriteString(s)
		}
	}
	key, roots := trusted(t, i)
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script.String())
	cmd.Env = append(os.Environ(), "LEDGER_KEY="+key, "TSA_ROOTS="+roots)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// EV-03, EV-04: what README.txt says to do by hand works as it stands, and finds
// what was changed.
func TestByHand(t *testing.T) {
	tool(t, "openssl")
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	forger := verifier.NewInstance(name, "forger", authority.Options{})
	for sample, s := range samples() {
		t.Run(sample, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, verifier.Zip(i.Bundle(s)))
			out, err := byHand(t, dir, i)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(out, "Signature Verified Successfully") || !strings.Contains(out, "Verification: OK") {
				t.Errorf("openssl did not say so:\n%s", out)
			}
			if out, err := byHand(t, dir, forger); err == nil {
				t.Errorf("a forgery passed:\n%s", out)
			}
		})
	}
	names, _ := files(t, verifier.Zip(i.Bundle(verifier.Sample{})))
	for _, n := range names {
		if n == "README.txt" {
			continue
		}
		t.Run("changed "+n, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, verifier.Zip(i.Bundle(verifier.Sample{})))
			path := filepath.Join(dir, filepath.FromSlash(n))
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := byHand(t, dir, i); err == nil {
				t.Errorf("not found:\n%s", out)
			}
		})
	}
}

// forged are changes of one file after which its line in the manifest is
// corrected, as whoever forges does.
func forged() map[string]func(content map[string][]byte) string {
	line := func(b []byte, n int, change func(words []string)) []byte {
		lines := strings.Split(string(b), "\n")
		n = min(n, len(lines)-2) // a reader's own bundle has one line
		words := strings.Split(lines[n], " ")
		change(words)
		lines[n] = strings.Join(words, " ")
		return []byte(strings.Join(lines, "\n"))
	}
	item := func(words []string) {
		raw, err := base64.StdEncoding.DecodeString(words[1])
		if err != nil {
			panic(err)
		}
		words[1] = base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte("TO:<b@"), []byte("TO:<x@"), 1))
	}
	top := func(old, now string) func(map[string][]byte) string {
		return func(c map[string][]byte) string {
			c["README.txt"] = bytes.Replace(c["README.txt"], []byte(old), []byte(now), 1)
			return "README.txt"
		}
	}
	envelope := func(n int, change func(words []string)) func(map[string][]byte) string {
		return func(c map[string][]byte) string {
			c["envelope.txt"] = line(c["envelope.txt"], n, change)
			return "envelope.txt"
		}
	}
	return map[string]func(map[string][]byte) string{
		"recipient": envelope(1, item),
		"index":     envelope(1, func(words []string) { words[0] = "4" }),
		"octal":     envelope(1, func(words []string) { words[0] = "01" }),
		"left out": func(c map[string][]byte) string {
			if _, rest, _ := bytes.Cut(c["envelope.txt"], []byte("\n")); len(rest) > 0 {
				c["envelope.txt"] = rest
			}
			return "envelope.txt"
		},
		"twice": func(c map[string][]byte) string {
			c["envelope.txt"] = append(c["envelope.txt"], c["envelope.txt"]...)
			return "envelope.txt"
		},
		"no line feed": func(c map[string][]byte) string {
			c["envelope.txt"] = append(c["envelope.txt"], "3 "+base64.StdEncoding.EncodeToString(make([]byte, 40))...)
			return "envelope.txt"
		},
		"year at the top": top("2026", "2020"),
		"log at the top":  top("archive.example.org/0001", "archive.example.org/0002"),
		"size at the top": top("Octets / Oktette      ", "Octets / Oktette      1"),
		"not after":       top("Archiviert nicht nach   2026", "Archiviert nicht nach   2025"),
		"not before":      top("Archiviert nicht vor   2026", "Archiviert nicht vor   2025"),
	}
}

// What the instructions print they prove: whatever is changed and fits the
// manifest again is found by hand.
func TestForgedByHand(t *testing.T) {
	tool(t, "openssl")
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	refused := func(t *testing.T, names []string, content map[string][]byte) {
		t.Helper()
		if out, err := byHand(t, unpack(t, verifier.Pack(names, content)), i); err == nil {
			t.Errorf("not found:\n%s", out)
		}
	}
	for sample, s := range map[string]verifier.Sample{"all": {}, "own": {Own: true}} {
		names, content := files(t, verifier.Zip(i.Bundle(s)))
		for what, change := range forged() {
			t.Run(sample+" "+what, func(t *testing.T) {
				t.Parallel()
				changed := maps.Clone(content)
				if n := change(changed); bytes.Equal(changed[n], content[n]) {
					return // a bundle with one line has no other to leave out
				}
				refused(t, names, changed)
			})
		}
		for _, n := range names {
			switch filepath.Base(n) {
			case "parts.bin": // the instructions say that they do not check it
				continue
			case "README.txt", "manifest.txt":
				continue
			case "token.der", "chain.pem": // have copies of certificates, for which openssl takes those that came from elsewhere
				continue
			}
			t.Run(sample+" "+n, func(t *testing.T) {
				t.Parallel()
				changed := maps.Clone(content)
				changed[n] = bytes.Clone(content[n])
				changed[n][len(changed[n])/2] ^= 1
				refused(t, names, changed)
			})
		}
	}
}

// An index that only the shell would take for another one is no way to prove
// that an earlier state was without the message.
func TestShellIndex(t *testing.T) {
	tool(t, "openssl")
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	names, content := files(t, verifier.Zip(i.Bundle(verifier.Sample{})))
	for _, index := range []string{"04", "0x4", "12", "4 ", "-4", "4\nindex 4"} {
		changed := maps.Clone(content)
		changed["anchor/inclusion.tlog-proof"] = bytes.Replace(content["anchor/inclusion.tlog-proof"], []byte("\nindex 4\n"), []byte("\nindex "+index+"\n"), 1)
		if out, err := byHand(t, unpack(t, verifier.Pack(names, changed)), i); err == nil {
			t.Errorf("index %q passed:\n%s", index, out)
		}
	}
}

// The shell functions of README.txt prove inclusion and growth at every size up
// to seven.
func TestShellFunctions(t *testing.T) {
	tool(t, "openssl")
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	var functions strings.Builder
	inside := false
	readme, err := os.ReadFile("../../internal/proto/bundle/readme.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(readme)) {
		s, ok := strings.CutPrefix(line, "            ")
		inside = ok && (inside || strings.Contains(s, "() {"))
		if inside {
			functions.WriteString(s)
		}
		inside = inside && !strings.HasPrefix(s, "}") && !strings.HasSuffix(s, "; }\n")
	}
	dir := t.TempDir()
	for _, d := range []string{"anchor", "before"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(script string) {
		t.Helper()
		cmd := exec.Command("sh", "-ec", functions.String()+"T=$(mktemp -d)\n"+script+"\nrm -r $T")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	log := &verifier.Log{Origin: name + "/000102030405060708090a0b0c0d0e0f/1"}
	put("nothing", func() []byte { h := sha256.Sum256(nil); return h[:] }())
	for size := int64(1); size <= 7; size++ {
		text := fmt.Appendf(nil, "entry %d\n", size-1)
		put(fmt.Sprintf("entry-%d", size-1), text)
		log.Add(text, sha256.Sum256(nil))
		note := i.Sign(log, size)
		put("anchor/checkpoint.txt", note)
		for index := range size {
			put("proof", checkpoint.Proof{Index: index, Path: log.Proof(size, index), Note: note}.Text())
			run(fmt.Sprintf(`same "$(leaf entry-%d nothing | climb proof)" "$(sed -n 3p anchor/checkpoint.txt)"`, index))
		}
		for old := int64(1); old < size; old++ {
			put("before/checkpoint.txt", i.Sign(log, old))
			put("proof", checkpoint.Consistency{Old: old, Path: log.Growth(size, old), Note: note}.Text())
			run("grow proof")
		}
	}
}
