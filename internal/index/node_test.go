package index_test

import (
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/index"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// Each node has projections of its own, under one salt: they find the same, none
// makes the other begin anew, and one that lost its file makes it again.
func TestNodesHaveTheirOwnProjections(t *testing.T) {
	w := newWorld(t)
	w.deliver(map[string]string{"first": "From: a@b.example\nTo: " + stand.Reader + "\nSubject: violet\n\nx\n"})
	a, s := w.open(stand.Reader)
	defer w.stop()
	dirs := []string{a.Index.Dir, filepath.Join(t.TempDir(), "index")}
	rooms := []*index.Index{a.Index, index.New(index.Deps{DB: a.DB, Store: a.Store, Trail: a.Trail, Now: a.Now, Dir: dirs[1]})}
	files := func(i int) []string {
		t.Helper()
		list, err := filepath.Glob(filepath.Join(dirs[i], s.Tenant().ID().String(), "*", "*.db"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	find := func(i int) {
		t.Helper()
		r, err := rooms[i].Search(t.Context(), s, index.Request{Text: "violet"})
		if err != nil || r.Total != 1 || r.Pending != 0 || r.Indexed != 1 {
			t.Fatalf("node %d found %+v, %v", i, r, err)
		}
		if n := len(files(i)); n != 1 {
			t.Fatalf("node %d has %d files", i, n)
		}
	}
	find(0)
	first := files(0)
	before, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	find(1)
	find(0)
	after, err := os.Stat(files(0)[0])
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the other node made this one begin anew: %v", err)
	}
	if filepath.Base(files(1)[0]) != filepath.Base(first[0]) {
		t.Error("the nodes have different salts")
	}
	events := catchUps(t, a)
	find(0)
	find(1)
	if n := catchUps(t, a); n != events {
		t.Errorf("%d more catch-ups, nothing is new", n-events)
	}
	// A file that is gone or damaged is made again, the other stays.
	for _, harm := range []func(string) error{os.Remove, func(path string) error { return os.WriteFile(path, make([]byte, 8192), 0o600) }} {
		if err := harm(files(1)[0]); err != nil {
			t.Fatal(err)
		}
		find(1)
		find(0)
	}
	if again, err := os.Stat(files(0)[0]); err != nil || !os.SameFile(before, again) {
		t.Errorf("damage at one node reached the other: %v", err)
	}
}

// catchUps counts the events of catching up.
func catchUps(t *testing.T, a *app.App) (n int) {
	t.Helper()
	s, err := a.Identity.SignIn(t.Context(), stand.Tenant, mail.Address(stand.Keeper), []byte(stand.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = a.Trail.List(t.Context(), s.Tenant(), s.Unlocked(), 1000, func(e audit.Entry) error {
		if e.What == "index.catch-up" {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
