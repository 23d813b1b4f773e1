// Package blobtest is the suite that every driver of package blob passes.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
)

// Driver is what a driver has to be.
type Driver interface {
	blob.Store
	blob.Register
	blob.Lister
}

// Run runs the suite; open returns an empty store each time.
func Run(t *testing.T, open func(t *testing.T) Driver) {
	t.Helper()
	t.Run("put and get", func(t *testing.T) { putAndGet(t, open(t)) })
	t.Run("never overwritten", func(t *testing.T) { neverOverwritten(t, open(t)) })
	t.Run("failed put leaves nothing", func(t *testing.T) { failedPut(t, open(t)) })
	t.Run("names", func(t *testing.T) { names(t, open(t)) })
	t.Run("swap", func(t *testing.T) { swap(t, open(t)) })
	t.Run("swap race", func(t *testing.T) { swapRace(t, open(t)) })
	t.Run("list and delete", func(t *testing.T) { listAndDelete(t, open(t)) })
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func get(t *testing.T, d Driver, n blob.Name, offset, length int64) []byte {
	t.Helper()
	r, err := d.Get(t.Context(), n, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func want(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != kind {
		t.Fatalf("%s: error %v, want kind %v", what, err, kind)
	}
}

func putAndGet(t *testing.T, d Driver) {
	for i, size := range []int{0, 1, 4096, 3 << 20} {
		n := blob.Name(fmt.Sprintf("tenant/packs/0%d/object", i))
		b := random(size)
		if err := d.Put(t.Context(), n, bytes.NewReader(b), int64(size)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, d, n, 0, -1); !bytes.Equal(got, b) {
			t.Fatalf("%d octets: other octets came back", size)
		}
		if got, err := d.Size(t.Context(), n); err != nil || got != int64(size) {
			t.Fatalf("size %d, error %v, want %d", got, err, size)
		}
		if size > 10 {
			if got := get(t, d, n, 5, 5); !bytes.Equal(got, b[5:10]) {
				t.Fatal("a range differs")
			}
		}
		_, err := d.Get(t.Context(), n, 0, int64(size)+1)
		want(t, "a range behind the end", err, fault.Damaged)
	}
	_, err := d.Get(t.Context(), "tenant/missing", 0, -1)
	want(t, "get of nothing", err, fault.NotFound)
	_, err = d.Size(t.Context(), "tenant/missing")
	want(t, "size of nothing", err, fault.NotFound)
}

func neverOverwritten(t *testing.T, d Driver) {
	if err := d.Put(t.Context(), "tenant/a", strings.NewReader("first"), 5); err != nil {
		t.Fatal(err)
	}
	want(t, "second put", d.Put(t.Context(), "tenant/a", strings.NewReader("other"), 5), fault.Conflict)
	if got := get(t, d, "tenant/a", 0, -1); string(got) != "first" {
		t.Fatalf("%q came back", got)
	}
}

func failedPut(t *testing.T, d Driver) {
	gone := errors.New("the source failed")
	cases := map[string]struct {
		r    io.Reader
		size int64
	}{
		"source fails": {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(gone)), 6},
		"too short":    {strings.NewReader("abc"), 6},
		"too long":     {strings.NewReader("abcdefg"), 6},
	}
	for name, c := range cases {
		if err := d.Put(t.Context(), "tenant/b", c.r, c.size); err == nil {
			t.Fatalf("%s: put succeeded", name)
		}
		_, err := d.Size(t.Context(), "tenant/b")
		want(t, name, err, fault.NotFound)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Put(ctx, "tenant/b", strings.NewReader("abc"), 3); err == nil {
		t.Fatal("put succeeded for a caller who has gone")
	}
	// The name is still free.
	if err := d.Put(t.Context(), "tenant/b", strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, d Driver) {
	for _, n := range []blob.Name{"", "/", "a//b", "../a", "a/../b", "a/.tmp-1", "A", "a b", "a/b\x00", blob.Name(strings.Repeat("a", 256)), "a/b/c/d/e/f/g/h/i"} {
		want(t, string(n), d.Put(t.Context(), n, strings.NewReader(""), 0), fault.Invalid)
	}
}

func swap(t *testing.T, d Driver) {
	ctx, n := t.Context(), blob.Name("tenant/checkpoints/message")
	if got, err := d.Load(ctx, n); got != nil || err != nil {
		t.Fatalf("load of nothing: %q, %v", got, err)
	}
	want(t, "swap of another value", d.Swap(ctx, n, []byte("x"), []byte("1")), fault.Conflict)
	if err := d.Swap(ctx, n, nil, []byte("1")); err != nil {
		t.Fatal(err)
	}
	want(t, "second first swap", d.Swap(ctx, n, nil, []byte("2")), fault.Conflict)
	if err := d.Swap(ctx, n, []byte("1"), []byte("2")); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Load(ctx, n); string(got) != "2" || err != nil {
		t.Fatalf("load: %q, %v", got, err)
	}
}

func swapRace(t *testing.T, d Driver) {
	wins, wait := make(chan int, 16), sync.WaitGroup{}
	for i := range 16 {
		wait.Go(func() {
			if d.Swap(t.Context(), "tenant/race", nil, []byte{byte(i)}) == nil {
				wins <- i
			}
		})
	}
	wait.Wait()
	if len(wins) != 1 {
		t.Fatalf("%d of 16 won", len(wins))
	}
	if got, err := d.Load(t.Context(), "tenant/race"); err != nil || len(got) != 1 || int(got[0]) != <-wins {
		t.Fatalf("load: %v, %v", got, err)
	}
}

func listAndDelete(t *testing.T, d Driver) {
	for _, n := range []blob.Name{"a/packs/00/x", "a/packs/01/y", "b/packs/00/z"} {
		if err := d.Put(t.Context(), n, strings.NewReader("123"), 3); err != nil {
			t.Fatal(err)
		}
	}
	found := func() map[blob.Name]int64 {
		m := make(map[blob.Name]int64)
		if err := d.List(t.Context(), "a/packs/", func(n blob.Name, size int64) error { m[n] = size; return nil }); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := found(); len(m) != 2 || m["a/packs/00/x"] != 3 || m["a/packs/01/y"] != 3 {
		t.Fatalf("list: %v", m)
	}
	for range 2 {
		if err := d.Delete(t.Context(), "a/packs/00/x"); err != nil {
			t.Fatal(err)
		}
	}
	if m := found(); len(m) != 1 {
		t.Fatalf("list after delete: %v", m)
	}
}
