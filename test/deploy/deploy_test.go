package deploy_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"siegel/internal/app/config"
	"siegel/internal/proto/smtp"
	"siegel/test/stand"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// top is the top of the checkout.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	must(t, err)
	return dir
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The Compose files are YAML, and whatever of ours they mount is there or is made
// by secrets.sh.
func TestCompose(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(top(t), "deploy", "container")
	secrets := filepath.Join(t.TempDir(), "secrets")
	run(t, t.TempDir(), filepath.Join(folder, "secrets.sh"), secrets)
	for _, file := range []string{"compose.yaml", "compose-nodes.yaml"} {
		b, err := os.ReadFile(filepath.Join(folder, file))
		must(t, err)
		var c struct {
			Services map[string]struct {
				Volumes []string
				EnvFile []string `yaml:"env_file"`
			}
		}
		must(t, yaml.Unmarshal(b, &c))
		if len(c.Services) == 0 {
			t.Errorf("%s has no services", file)
		}
		for name, s := range c.Services {
			for _, v := range append(s.Volumes, s.EnvFile...) {
				path, _, _ := strings.Cut(v, ":")
				// Who has database or store must not have the keys of the mail in them.
				keys := path == "./secrets" || path == "./secrets/a" || path == "./secrets/b" || path == "./secrets/ca.key"
				if node := name == "a" || name == "b" || name == "siegel"; keys && (!node || path == "./secrets" || path == "./secrets/ca.key") {
					t.Errorf("%s: %s gets %s", file, name, path)
				}
				if !strings.HasPrefix(path, "./") {
					continue
				}
				at := filepath.Join(folder, path)
				if rest, ok := strings.CutPrefix(path, "./secrets"); ok {
					at = secrets + rest
				}
				if _, err := os.Stat(at); err != nil {
					t.Errorf("%s: %s mounts %s: %v", file, name, v, err)
				}
			}
		}
	}
}

// Configurations of containers have no problem but for files that are elsewhere.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	secrets := filepath.Join(t.TempDir(), "secrets")
	run(t, t.TempDir(), filepath.Join(top(t), "deploy", "container", "secrets.sh"), secrets)
	for _, file := range []string{"siegel.yaml", "siegel-nodes.yaml"} {
		b, err := os.ReadFile(filepath.Join(top(t), "deploy", "container", file))
		must(t, err)
		path := filepath.Join(t.TempDir(), file)
		must(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte("/secrets/"), []byte(secrets+"/")), 0o600))
		c, err := config.Load(path)
		must(t, err)
		address, err := os.ReadFile(filepath.Join(secrets, "postgres.address"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(secrets, "postgres.address"), bytes.ReplaceAll(address, []byte("=/secrets/"), []byte("="+secrets+"/")), 0o600))
		if err := c.Check(config.Production); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The image's contents alone, in a root of their own and as their own account, make
// a data directory, take mail and stop when they are asked to.
func TestImage(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a root of its own takes the rights of root")
	}
	root, err := os.MkdirTemp("", "image") //nolint:usetesting // a socket needs a short path
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	run(t, top(t), filepath.Join(top(t), "scripts", "image_root.sh"), root)
	inside := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), "/bin/siegel", append([]string{"--data", "/data"}, args...)...)
		c.Path, c.Dir, c.Env = "/bin/siegel", "/", []string{"HOME=/data", "PATH=/bin"}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 10001, Gid: 10001}}
		return c
	}
	if out, err := inside("init", "--environment", "test", "--name", "image.example").CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	must(t, os.WriteFile(filepath.Join(root, "data", "siegel.yaml"), []byte("lmtp:\n  listen: []\n  sockets: [/run/siegel/lmtp.sock]\n"), 0o644))
	server := inside("serve")
	var log bytes.Buffer
	server.Stderr = &log
	must(t, server.Start())
	defer func() { _ = server.Process.Kill() }()
	socket := filepath.Join(root, "run", "siegel", "lmtp.sock")
	var client *stand.Client
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if client, err = stand.Dial(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody answers: %v\n%s", err, log.String())
		}
	}
	var reply smtp.Reply
	if reply, err = client.Send(stand.Of([]byte("Subject: x\r\n\r\nx\r\n"), "", "nobody@nowhere.example")); err != nil || reply.Code != 550 {
		t.Errorf("mail for nobody: %s, %v", reply, err)
	}
	must(t, client.Close())
	out, err := inside("doctor").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 8) { // 8: this machine's disk
		t.Errorf("doctor: %v\n%s", err, out)
	}
	must(t, server.Process.Signal(syscall.SIGTERM))
	if err := server.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, log.String())
	}
}
