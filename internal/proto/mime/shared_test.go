package mime_test

import (
	"os"
	"path/filepath"
	"strings"
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

// corpus returns all messages of the corpus and of the parser vectors by the
// path below the shared folder.
func corpus(tb testing.TB) map[string][]byte {
	tb.Helper()
	root := shared(tb)
	messages := make(map[string][]byte)
	for _, dir := range []string{"corpus", "vectors/mail-parser-rfc/eml"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".eml", ".msg", ".raw":
			default:
				return nil
			}
			b, err := os.ReadFile(path)
			name, _ := filepath.Rel(root, path)
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

// find returns the one message of the corpus whose path ends so.
func find(t *testing.T, messages map[string][]byte, suffix string) []byte {
	t.Helper()
	for name, b := range messages {
		if strings.HasSuffix(name, suffix) {
			return b
		}
	}
	t.Fatalf("no message %s", suffix)
	return nil
}
