package header_test

import (
	"os"
	"path/filepath"
	"testing"
)

// shared returns the folder with corpus and vectors: SIEGEL_SHARED, or
// ../shared beside the repository. It skips the test where there is none.
func shared(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("SIEGEL_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			tb.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				tb.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("skipped: the folder with the shared corpus is absent (set SIEGEL_SHARED): %v", err)
	}
	return dir
}
