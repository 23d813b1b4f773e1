package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"siegel/internal/app/config"
)

// EX-19: the documented default, an empty file and no file are the same
// configuration, and it has no problems.
func TestDefault(t *testing.T) {
	dir := t.TempDir()
	missing, err := config.Load(filepath.Join(dir, "missing.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, octets := range map[string]string{"example.yaml": config.Default, "empty.yaml": "", "blank.yaml": "\n\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(octets), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(missing, got) {
			t.Errorf("%s differs from the defaults:\n%+v\n%+v", name, got, missing)
		}
	}
	for _, e := range []config.Environment{config.Test, config.Production} {
		if err := missing.Check(e); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
}
