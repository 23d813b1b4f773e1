package secret_test

import (
	"bytes"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"siegel/internal/kit/secret"
)

func at(k secret.Key) (p uintptr) {
	k.Use(func(b []byte) { p = uintptr(unsafe.Pointer(&b[0])) })
	return p
}

// CR-15: the arena takes the only copy, wipes a slot when it is given back, and
// uses it again.
func TestArenaWipesAndReuses(t *testing.T) {
	a := secret.NewArena(1)
	k, raw := known(t)
	held, release, err := a.Hold(k)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(octets(held), raw) {
		t.Fatal("other octets are held")
	}
	if !bytes.Equal(octets(k), make([]byte, secret.Size)) {
		t.Fatal("the original was not wiped")
	}
	place := at(held)
	release()
	if !bytes.Equal(octets(held), make([]byte, secret.Size)) {
		t.Fatal("the slot was not wiped")
	}
	release() // a mistake, and harmless: the slot must not be given out twice
	one, r1, err := a.Hold(secret.Random())
	if err != nil {
		t.Fatal(err)
	}
	if at(one) != place {
		t.Error("the slot was not used again")
	}
	two, r2, err := a.Hold(secret.Random())
	if err != nil {
		t.Fatal(err)
	}
	if at(one) == at(two) {
		t.Fatal("two keys share a slot")
	}
	r1()
	r2()
}

// The arena is full when it is full, with an error and no more memory.
func TestArenaIsBounded(t *testing.T) {
	perPage := unix.Getpagesize() / secret.Size
	a := secret.NewArena(perPage + 1) // two pages
	var releases []func()
	for range 2 * perPage {
		_, release, err := a.Hold(secret.Random())
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	k := secret.Random()
	want := octets(k)
	if _, _, err := a.Hold(k); err == nil {
		t.Fatal("the arena takes more than it was made for")
	}
	if !bytes.Equal(octets(k), want) {
		t.Error("a refused key was wiped")
	}
	releases[0]()
	if _, _, err := a.Hold(k); err != nil {
		t.Errorf("after a release: %v", err)
	}
}

func TestArenaFromManyGoroutines(t *testing.T) {
	a := secret.NewArena(64)
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for range 200 {
				b := bytes.Repeat([]byte{byte(g + 1)}, secret.Size)
				k, err := secret.From(bytes.Clone(b))
				if err != nil {
					t.Error(err)
					return
				}
				held, release, err := a.Hold(k)
				if err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(octets(held), b) {
					t.Error("somebody else's key is in the slot")
				}
				release()
			}
		})
	}
	wait.Wait()
}
