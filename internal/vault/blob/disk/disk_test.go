package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/kit/durable"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/blob/disk"
)

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Driver {
		s, err := disk.Open(filepath.Join(t.TempDir(), "objects"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// What a crash in the middle of a Put left is removed at start.
func TestOpenRemovesUnfinished(t *testing.T) {
	root := filepath.Join(t.TempDir(), "objects")
	if _, err := disk.Open(root); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(root, durable.TempPrefix+"123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Fatalf("still there: %v", err)
	}
}
