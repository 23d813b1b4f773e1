package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What secrets.sh makes is neither committed nor part of an image: docker reads
// .dockerignore alone, podman .containerignore first.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	const secrets = "deploy/container/secrets"
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(top(t), name))
		must(t, err)
		return b
	}
	podman, docker := read(".containerignore"), read(".dockerignore")
	if !bytes.Equal(podman, docker) {
		t.Error(".containerignore and .dockerignore differ")
	}
	if !slices.Contains(strings.Fields(string(docker)), secrets) || strings.Contains(string(docker), "!") {
		t.Errorf("%s is part of the build context:\n%s", secrets, docker)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("this machine has no git")
	}
	if _, err := os.Stat(filepath.Join(top(t), ".git")); err != nil {
		t.Skip("this is no checkout")
	}
	for _, name := range []string{"ca.key", "a/master.key", "postgres.password"} {
		c := exec.CommandContext(t.Context(), "git", "check-ignore", "--quiet", secrets+"/"+name)
		c.Dir = top(t)
		if err := c.Run(); err != nil {
			t.Errorf("git does not ignore %s/%s: %v", secrets, name, err)
		}
	}
}
