package fault

import (
	"path/filepath"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
)

// EX-01: the database cannot be written, because another process holds it.
// Senders are told to come again, and it goes on without a hand.
func TestDatabaseHeld(t *testing.T) {
	t.Parallel() // it waits
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	_, stop := stand.Start(t, app.Options{Dir: dir, Log: stand.Log()})
	defer stop()
	client, err := stand.Dial(stand.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	mails := []*stand.Mail{stand.NewMail(2000), stand.NewMail(2000)}
	if r, err := client.Send(mails[0]); err != nil || !r.OK() {
		t.Fatalf("%v, %v", r, err)
	}
	held := start(t, "lock", dir)
	begun := time.Now()
	r, err := client.Send(mails[1])
	if err != nil || r.Code/100 != 4 {
		t.Fatalf("a database that another process holds is answered by %v, %v", r, err)
	}
	t.Logf("after %v: %v", time.Since(begun).Round(time.Millisecond), r)
	if err := held.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := held.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if r, err := client.Send(mails[1]); err != nil || !r.OK() {
		t.Fatalf("the database is free again, and the answer is %v, %v", r, err)
	}
	client.Close()
	stop()
	checkAll(t, dir, mails)
}
