package verifier_test

import (
	"crypto/sha256"
	"fmt"
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
