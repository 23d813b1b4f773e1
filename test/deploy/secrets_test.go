package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func secretsScript(t *testing.T) string {
	t.Helper()
	return filepath.Join(top(t), "deploy", "container", "secrets.sh")
}

// The script makes certificates that their names and the authority bear out,
// secrets that nobody else reads, and changes nothing when it runs again.
func TestSecrets(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "secrets")
	run(t, t.TempDir(), secretsScript(t), dir)
	before := contents(t, dir)
	// The name of the configurations is what mail servers connect to.
	for file, names := range map[string][]string{
		"siegel": {"siegel", "localhost", "archive.example.org"}, "postgres": {"postgres", "localhost"}, "store": {"store", "localhost"},
	} {
		for _, name := range names {
			run(t, dir, "openssl", "verify", "-CAfile", "ca.pem", "-verify_hostname", name, file+".pem")
		}
	}
	for _, name := range []string{"ca.key", "siegel.key", "postgres.key", "store.key", "s3.secret", "postgres.password", "postgres.address", "store.env"} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read %s (%04o)", name, info.Mode().Perm())
		}
	}
	out := run(t, t.TempDir(), secretsScript(t), dir, "mail.clinic.example")
	if !strings.Contains(out, "siegel.pem is not for mail.clinic.example") {
		t.Errorf("nobody says that the certificate is for another name:\n%s", out)
	}
	// Whoever keeps the authority's key apart keeps the authority.
	must(t, os.Remove(filepath.Join(dir, "ca.key")))
	run(t, t.TempDir(), secretsScript(t), dir)
	after := contents(t, dir)
	after["ca.key"] = before["ca.key"]
	for name, was := range before {
		if !bytes.Equal(was, after[name]) {
			t.Errorf("%s is another one after the second run", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, before there were %d", len(after), len(before))
	}
}

// A certificate is for the name that the script is given, and for no name that is none.
func TestSecretsName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "secrets")
	for _, name := range []string{"a,DNS:b", "a b", "a\nb"} {
		if err := exec.CommandContext(t.Context(), secretsScript(t), dir, name).Run(); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	out := run(t, t.TempDir(), secretsScript(t), dir, "mail.clinic.example")
	run(t, dir, "openssl", "verify", "-CAfile", "ca.pem", "-verify_hostname", "mail.clinic.example", "siegel.pem")
	if strings.Contains(out, "is not for") {
		t.Error(out)
	}
}

// A run that broke off, wherever that was, is mended by the next: key and certificate
// are there together and belong together.
func TestSecretsBrokenOff(t *testing.T) {
	t.Parallel()
	where, err := exec.LookPath("openssl")
	must(t, err)
	broken := 0
	for n := range 12 {
		dir, tools := filepath.Join(t.TempDir(), "secrets"), t.TempDir()
		// An openssl that makes the first n things, and of the next one half: the key and no certificate.
		half := fmt.Sprintf(`#!/bin/sh
echo x >>%[1]s/count
[ "$(wc -l <%[1]s/count)" -le %[2]d ] && exec %[3]s "$@"
while [ $# -gt 1 ]; do [ "$1" = -keyout ] && echo half >"$2"; shift; done
exit 1
`, tools, n, where)
		must(t, os.WriteFile(filepath.Join(tools, "openssl"), []byte(half), 0o700))
		c := exec.CommandContext(t.Context(), secretsScript(t), dir)
		c.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
		if err := c.Run(); err != nil {
			broken++
		}
		run(t, t.TempDir(), secretsScript(t), dir)
		for _, name := range []string{"siegel", "postgres", "store"} {
			run(t, dir, "openssl", "verify", "-CAfile", "ca.pem", name+".pem")
			if inKey, inCert := run(t, dir, "openssl", "pkey", "-in", name+".key", "-pubout"), run(t, dir, "openssl", "x509", "-in", name+".pem", "-noout", "-pubkey"); inKey != inCert {
				t.Errorf("after %d steps: %s.key is not the key of %s.pem", n, name, name)
			}
		}
		for name, b := range contents(t, dir) {
			if len(b) == 0 || strings.HasSuffix(name, ".new") || strings.HasSuffix(name, ".csr") {
				t.Errorf("after %d steps: %s is left", n, name)
			}
		}
	}
	if broken < 9 {
		t.Errorf("%d runs broke off", broken)
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if e.Type().IsRegular() {
			all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
		}
	}
	return all
}
