// Package corpus finds the folder with real mail and test vectors that lies
// beside the checkout.
package corpus

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Find returns the folder with corpus and vectors: SIEGEL_SHARED, or ../shared
// beside the repository. ok is false where there is none.
func Find(tb testing.TB) (dir string, ok bool) {
	tb.Helper()
	if dir = os.Getenv("SIEGEL_SHARED"); dir == "" {
		dir = filepath.Join(root(tb), "..", "shared")
	}
	_, err := os.Stat(dir)
	return dir, err == nil
}

// Dir is Find, and skips the test where there is no folder.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, ok := Find(tb)
	if !ok {
		tb.Skipf("skipped: the folder with the shared corpus is absent (set SIEGEL_SHARED): %s", dir)
	}
	return dir
}

func root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Messages returns all messages of the corpus and of the parser vectors by the
// path below the shared folder. It skips the test where there is none.
func Messages(tb testing.TB) map[string][]byte {
	tb.Helper()
	top := Dir(tb)
	messages := make(map[string][]byte)
	for _, dir := range []string{"corpus", "vectors/mail-parser-rfc/eml"} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".eml", ".msg", ".raw":
			default:
				return nil
			}
			b, err := os.ReadFile(path)
			name, _ := filepath.Rel(top, path)
			messages[filepath.ToSlash(name)] = b
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if len(messages) < 300 {
		tb.Fatalf("only %d messages found", len(messages))
	}
	return messages
}

// One returns the one message whose path ends so.
func One(tb testing.TB, messages map[string][]byte, suffix string) []byte {
	tb.Helper()
	for name, b := range messages {
		if strings.HasSuffix(name, suffix) {
			return b
		}
	}
	tb.Fatalf("no message %s", suffix)
	return nil
}
