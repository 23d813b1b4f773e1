package master_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/seal/master"
)

// The master key is made once, for the server alone, and nothing works with
// another one.
func TestMaster(t *testing.T) {
	arena, dir := secret.NewArena(8), t.TempDir()
	path := filepath.Join(dir, "master.key")
	open := func(path string) (*master.Key, error) { return master.Open(path, arena) }
	if _, err := open(path); fault.Of(err) != fault.NotFound {
		t.Errorf("a missing file: %v", err)
	}
	if err := master.Create(path); err != nil {
		t.Fatal(err)
	}
	if err := master.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key over the first: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 || info.Size() != 32 {
		t.Errorf("mode %v, %d octets, error %v", info.Mode(), info.Size(), err)
	}
	m, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o400: true, 0o600: true, 0o440: false, 0o404: false, 0o620: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := open(path); (err == nil) != want || (!want && fault.Of(err) != fault.Denied) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	short := filepath.Join(dir, "short.key")
	if err := os.WriteFile(short, []byte("not a key"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := open(short); fault.Of(err) != fault.Damaged {
		t.Errorf("a file that is no key: %v", err)
	}

	other := filepath.Join(dir, "other.key")
	if err := master.Create(other); err != nil {
		t.Fatal(err)
	}
	n, err := open(other)
	if err != nil {
		t.Fatal(err)
	}
	box := m.SealLedgerKey([]byte("seed"))
	if got, err := m.OpenLedgerKey(box); err != nil || string(got) != "seed" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := n.OpenLedgerKey(box); fault.Of(err) != fault.Damaged {
		t.Errorf("with another master key: %v", err)
	}
	if m.ControlKey().Equal(n.ControlKey()) || !m.ControlKey().Equal(m.ControlKey()) {
		t.Error("the control key is not that of the master key")
	}
	a, b := mail.NewID(), mail.NewID()
	if m.MAC(a, []byte("x")) == m.MAC(b, []byte("x")) || m.MAC(a, []byte("x")) == n.MAC(a, []byte("x")) {
		t.Error("the MAC is not that of tenant and master key")
	}
	key, sealed := m.NewDayKey(a, 7)
	if got, err := m.OpenDayKey(a, 7, sealed); err != nil || !got.Equal(key) {
		t.Errorf("the day's key: %v", err)
	}
	for what, f := range map[string]func() error{
		"another tenant": func() error { _, err := m.OpenDayKey(b, 7, sealed); return err },
		"another day":    func() error { _, err := m.OpenDayKey(a, 8, sealed); return err },
		"another master": func() error { _, err := n.OpenDayKey(a, 7, sealed); return err },
		"nothing":        func() error { _, err := m.OpenDayKey(a, 7, nil); return err },
		"a changed box":  func() error { c := bytes.Clone(sealed); c[20] ^= 1; _, err := m.OpenDayKey(a, 7, c); return err },
		"the ledger's":   func() error { _, err := m.OpenDayKey(a, 7, box); return err },
	} {
		if err := f(); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", what, err)
		}
	}
}
