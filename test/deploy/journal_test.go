package deploy_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"siegel/internal/app/config"
)

// example is a line of the examples in the files, which are comments.
var example = regexp.MustCompile(`(?m)^( *)# (journal:|  \w+: |- ")`)

// The examples of the journal door open it, on ports that the Compose file hands on
// and that take no capability.
func TestJournalExample(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(top(t), "deploy", "container")
	secrets := filepath.Join(t.TempDir(), "secrets")
	run(t, t.TempDir(), secretsScript(t), secrets)
	open := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(folder, name))
		must(t, err)
		return example.ReplaceAllString(string(b), "$1$2")
	}
	for compose, configuration := range map[string]string{"compose.yaml": "siegel.yaml", "compose-nodes.yaml": "siegel-nodes.yaml"} {
		path := filepath.Join(t.TempDir(), configuration)
		must(t, os.WriteFile(path, []byte(strings.ReplaceAll(open(configuration), "/secrets/", secrets+"/")), 0o600))
		c, err := config.Load(path)
		must(t, err)
		if len(c.Journal.Listen) != 1 || len(c.Journal.ListenTLS) != 1 || c.Journal.Hostname != c.LMTP.Hostname {
			t.Errorf("%s: %+v", configuration, c.Journal)
		}
		var services struct {
			Services map[string]struct{ Ports []string }
		}
		must(t, yaml.Unmarshal([]byte(open(compose)), &services))
		for name, s := range services.Services {
			if name == "postgres" || name == "store" {
				continue
			}
			for _, a := range append(c.Journal.Listen, c.Journal.ListenTLS...) {
				_, port, err := net.SplitHostPort(a)
				must(t, err)
				if !handsOn(s.Ports, port) || len(port) < 4 {
					t.Errorf("%s: %s does not hand on %s: %v", compose, name, port, s.Ports)
				}
			}
		}
	}
}

// handsOn reports whether one of the ports leads to one inside.
func handsOn(ports []string, inside string) bool {
	return slices.ContainsFunc(ports, func(p string) bool { return strings.HasSuffix(p, ":"+inside) })
}
