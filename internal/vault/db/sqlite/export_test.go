package sqlite

import (
	"context"
	"testing"

	"siegel/internal/kit/secret"
	"siegel/internal/vault/db"
)

// Connect opens the connections of a control database until the test ends.
func Connect(t testing.TB, path string, key secret.Key) db.Driver {
	t.Helper()
	d, err := connect(context.Background(), path, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{d.Write, d.Read, d.Inside} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}
