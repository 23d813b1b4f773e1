package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The unit is as closed as systemd can judge, alone and with its drop-in for ports
// below 1024, and neither has a line that systemd does not know.
func TestUnit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("this machine has no systemd-analyze")
	}
	for what, c := range map[string]struct {
		dropIns []string
		most    float64
	}{
		"alone":               {nil, 1.5},
		"with low-ports.conf": {[]string{"low-ports.conf"}, 1.7},
	} {
		unit := install(t, c.dropIns...)
		out := run(t, t.TempDir(), "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
		found := regexp.MustCompile(`exposure level for siegel\.service: ([0-9.]+)`).FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("%s: no verdict in\n%s", what, out)
		}
		if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > c.most {
			t.Errorf("%s: exposure %s, must be at most %.1f\n%s", what, found[1], c.most, out)
		}
		// Whether systemd has taken the drop-in: alone the unit is no less closed than with it.
		if open := strings.Contains(out, "Service has access to other users"); open != (len(c.dropIns) > 0) {
			t.Errorf("%s: no user namespace: %v\n%s", what, open, out)
		}
		command := exec.CommandContext(t.Context(), "systemd-analyze", "verify", unit)
		verdict, _ := command.CombinedOutput() // fails where the program is not installed
		for line := range strings.Lines(string(verdict)) {
			if strings.Contains(line, "siegel.service") && !strings.Contains(line, "is not executable") {
				t.Errorf("%s: %s", what, line)
			}
		}
	}
}

// install puts the unit into a folder of its own with drop-ins beside it, and
// returns where it is.
func install(t *testing.T, dropIns ...string) string {
	t.Helper()
	from, dir := filepath.Join(top(t), "deploy", "systemd"), t.TempDir()
	unit := filepath.Join(dir, "siegel.service")
	must(t, os.Mkdir(unit+".d", 0o755))
	place := func(name, to string) {
		b, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(to, b, 0o600))
	}
	place("siegel.service", unit)
	for _, name := range dropIns {
		place(name, filepath.Join(unit+".d", name))
	}
	return unit
}

// With the drop-in, and only with it, the unit may take a port below 1024 from the
// host: the capability is given, is not bounded away, and counts outside a user
// namespace.
func TestLowPorts(t *testing.T) {
	t.Parallel()
	unit := install(t, "low-ports.conf")
	alone, dropIn := settings(t, unit), settings(t, filepath.Join(unit+".d", "low-ports.conf"))
	for name, want := range map[string][2]string{
		"AmbientCapabilities":   {"", "CAP_NET_BIND_SERVICE"},
		"CapabilityBoundingSet": {"", "CAP_NET_BIND_SERVICE"},
		"PrivateUsers":          {"yes", "no"},
	} {
		if got := [2]string{alone[name], dropIn[name]}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(dropIn) != 3 {
		t.Errorf("the drop-in changes more: %v", dropIn)
	}
}

// settings reads what a unit file sets.
func settings(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	all := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			all[name] = value
		}
	}
	return all
}
