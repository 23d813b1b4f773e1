package verifier_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/proto/bundle"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

// python runs the second verifier and returns its exit status.
func python(t testing.TB, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.Command("python3", append([]string{"verify.py"}, args...)...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("Traceback")) {
		t.Errorf("the verifier crashed:\n%s", b)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// EV-04: two verifiers, the second written from docs/formats, come to the same
// verdict over good and bad bundles.
func TestSecondVerifier(t *testing.T) {
	tool(t, "python3")
	tool(t, "openssl")
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	forger := verifier.NewInstance(name, "forger", authority.Options{RSA: true})
	key, roots := trusted(t, i)
	all := make(map[string][]byte)
	for sample, s := range samples() {
		all[sample] = verifier.Zip(i.Bundle(s))
	}
	all["forged"] = verifier.Zip(forger.Bundle(verifier.Sample{}))
	all["cut"] = all["all"][:len(all["all"])-1]
	all["longer"] = append(slices.Clone(all["all"]), 0)
	all["nothing"] = nil
	names, content := files(t, all["all"])
	for i, n := range names {
		if i%5 == 0 { // each ends at the manifest
			flipped := slices.Clone(all["all"])
			at := bytes.Index(flipped, content[n])
			flipped[at+len(content[n])/2] ^= 8
			all["flipped "+n] = flipped
		}
		changed := maps.Clone(content)
		changed[n] = slices.Clone(content[n])
		changed[n][len(changed[n])/2] ^= 1
		if n != "manifest.txt" {
			all["packed again "+n] = verifier.Pack(names, changed)
			all["without "+n] = verifier.Pack(slices.DeleteFunc(slices.Clone(names), func(x string) bool { return x == n }), content)
		}
	}
	for what, change := range mixed() {
		b := i.Bundle(verifier.Sample{})
		change(b)
		b.Check(i.Trust())
		var w bytes.Buffer
		if b.Write(&w) == nil {
			all["mixed: "+what] = w.Bytes()
		}
	}
	for what, b := range all {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "b.zip")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			want := verifier.Verify(b, i.Trust())
			if got, out := python(t, path, "--ledger-key", key, "--tsa-roots", roots); got != want.Verdict.Status() {
				t.Errorf("Go says %v, Python %d: %s%+v", want.Verdict, got, out, want.Lines[len(want.Lines)-1])
			}
			if strings.HasPrefix(what, "flipped") || strings.HasPrefix(what, "without") {
				return
			}
			alone := verifier.Verify(b, bundle.Trust{Stamps: stamp.Verifier{}})
			if got, out := python(t, path); got != alone.Verdict.Status() {
				t.Errorf("alone: Go says %v, Python %d: %s", alone.Verdict, got, out)
			}
		})
	}
}
