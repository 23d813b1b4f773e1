package fault

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/kit/fault"
)

// problems lists the problems of a configuration that an error names.
func problems(err error) (list []config.Problem) {
	var one config.Problem
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			list = append(list, problems(e)...)
		}
		return list
	}
	if u := errors.Unwrap(err); u != nil {
		return problems(u)
	}
	if errors.As(err, &one) {
		return []config.Problem{one}
	}
	return nil
}

// opened makes a data directory with a configuration and returns why it
// does not open.
func opened(t *testing.T, e config.Environment, yaml func(dir string) string) error {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	err := app.Init(app.InitOptions{Dir: dir, Name: "house.example", Environment: e, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "siegel.yaml"), []byte(yaml(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), app.Options{Dir: dir, Now: time.Now})
	if err == nil {
		err = a.Close()
	}
	return err
}

// EX-19: a wrong configuration is refused with every problem at once, each with
// its field and what to do.
func TestWrongConfiguration(t *testing.T) {
	err := opened(t, config.Production, func(string) string {
		return `
lmtp:
  listen: ["nowhere", "192.0.2.1:2003"]
  sockets: []
tls:
  key: missing.key
limits:
  message_bytes: 1
  recipients: 1
  connections: 0
  connections_by_peer: 0
  messages_by_peer_and_minute: 0
  idle: 1ms
  memory_bytes: 1
ledger:
  checkpoint_every: 0s
timestamps:
  url: test
  roots: missing.pem
sessions:
  open: 0
  derivations: 0
log:
  level: loud
  format: paper
`
	})
	if fault.Of(err) != fault.Invalid {
		t.Fatalf("kind %v of %v", fault.Of(err), err)
	}
	var fields []string
	for _, p := range problems(err) {
		fields = append(fields, p.Field)
		if p.What.String() == "" || p.Remedy.String() == "" {
			t.Errorf("%s: %q, remedy %q", p.Field, p.What, p.Remedy)
		}
	}
	slices.Sort(fields)
	want := []string{
		"ledger.checkpoint_every", "limits.connections", "limits.connections_by_peer", "limits.idle", "limits.memory_bytes",
		"limits.message_bytes", "limits.messages_by_peer_and_minute", "limits.recipients", "lmtp.listen", "lmtp.listen", "log.format", "log.level",
		"sessions.derivations", "sessions.open", "timestamps.roots", "timestamps.url", "tls", "tls.key",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("problems of\n%q, want\n%q", fields, want)
	}
	for _, c := range []struct{ yaml, say string }{
		{"lmtp:\n  lisen: []\n", "lisen"},
		{"limits:\n  idle: soon\n", "idle"},
		{"lmtp: [\n", "siegel.yaml"},
	} {
		err := opened(t, config.Test, func(string) string { return c.yaml })
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q: %v, want the word %q", c.yaml, err, c.say)
		}
	}
}

// D18, EV-13: production refuses the certificate that init makes for tests, and
// its timestamp authority's root.
func TestProductionRefusesDevelopmentCertificates(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "data")
	err := app.Init(app.InitOptions{Dir: elsewhere, Name: "test.example", Environment: config.Test, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	err = opened(t, config.Production, func(string) string {
		return "lmtp:\n  listen: []\n" +
			"tls:\n  certificate: " + filepath.Join(elsewhere, "test", "tls.pem") + "\n  key: " + filepath.Join(elsewhere, "test", "tls.key") + "\n" +
			"timestamps:\n  url: https://tsa.example\n  roots: " + filepath.Join(elsewhere, "test", "tsa", "root.pem") + "\n"
	})
	var fields []string
	for _, p := range problems(err) {
		fields = append(fields, p.Field)
	}
	slices.Sort(fields)
	if fault.Of(err) != fault.Invalid || !slices.Equal(fields, []string{"timestamps.roots", "tls.certificate"}) {
		t.Errorf("problems of %q: %v", fields, err)
	}
}

// EV-13: keys of production and test do not open each other's data.
func TestKeysOfOthersAreRefused(t *testing.T) {
	dirs := make(map[config.Environment]string)
	for _, e := range []config.Environment{config.Test, config.Production} {
		dir := filepath.Join(t.TempDir(), "data")
		dirs[e] = dir
		if err := app.Init(app.InitOptions{Dir: dir, Name: string(e) + ".example", Environment: e, Now: time.Now}); err != nil {
			t.Fatal(err)
		}
		a, err := app.Open(t.Context(), app.Options{Dir: dir, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"master.key", "ledger.key"} {
		for _, e := range []config.Environment{config.Test, config.Production} {
			other := map[config.Environment]config.Environment{config.Test: config.Production, config.Production: config.Test}[e]
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(dirs[e])); err != nil {
				t.Fatal(err)
			}
			copyFile(t, filepath.Join(dirs[other], name), filepath.Join(dir, name))
			if err := os.Chmod(filepath.Join(dir, "master.key"), 0o400); err != nil {
				t.Fatal(err)
			}
			a, err := app.Open(t.Context(), app.Options{Dir: dir, Now: time.Now})
			if err == nil {
				_ = a.Close()
			}
			if fault.Of(err) != fault.Damaged {
				t.Errorf("%s of %s in %s: %v", name, other, e, err)
			}
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, to, b)
}
