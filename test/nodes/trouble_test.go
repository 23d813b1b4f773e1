package nodes_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// between returns a proxy in front of the PostgreSQL server at an address, and
// the address through it.
func between(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // a socket needs a short path
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	const socket = ".s.PGSQL.5432"
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	must(t, err)
	host, rest, _ := strings.Cut(strings.TrimPrefix(address, "host="), " ")
	p := newProxy(t, l, func() (net.Conn, error) { return net.Dial("unix", filepath.Join(host, socket)) }, "commit")
	return p, "host=" + dir + " " + rest
}

// Object store and database are gone, silent, full, busy, or have done what they
// were asked and their answer is lost; one of them and both at once. Senders get
// temporary refusals, everything goes on without a hand, nothing is lost or doubled.
func TestTrouble(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	store := newProxy(t, l, func() (net.Conn, error) { return net.Dial("tcp", endpoint) }, "PUT /")
	database, through := between(t, address)
	a, b := found(t, through, l.Addr().String())
	one, two := start(t, a, "", 0), start(t, b, "", 0)
	crowd := newCrowd(8, false, a, b)
	defer crowd.end()
	taken := func(what string) {
		t.Helper()
		before := crowd.count()
		for deadline := time.Now().Add(90 * time.Second); crowd.count() < before+50; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: mail is not taken again; %s", what, crowd)
			}
		}
	}
	for _, one := range []struct {
		what            string
		store, database mood
		lasts           time.Duration
	}{
		{"the object store is gone", gone, well, 3 * time.Second},
		{"the object store is silent", silent, well, 12 * time.Second},
		{"the object store is busy", refuses, well, 3 * time.Second},
		{"the object store is full", full, well, 3 * time.Second},
		{"answers of the object store are lost", lossy, well, 3 * time.Second},
		{"the database is gone", well, gone, 3 * time.Second},
		{"the database is silent", well, silent, 12 * time.Second},
		{"answers to commits are lost", well, lossy, 3 * time.Second},
		{"both are gone", gone, gone, 12 * time.Second},
		{"both lose answers", lossy, lossy, 3 * time.Second},
	} {
		taken("before " + one.what)
		store.set(one.store)
		database.set(one.database)
		time.Sleep(one.lasts)
		store.set(well)
		database.set(well)
		taken(one.what)
		t.Logf("%s for %v: %s", one.what, one.lasts, crowd)
	}
	if store.lostAnswers() == 0 || database.lostAnswers() == 0 {
		t.Errorf("%d answers of the store and %d of the database were lost", store.lostAnswers(), database.lostAnswers())
	}
	kept := settled(t, crowd)
	ends(t, a, kept, one, two)
}
