package fault

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// serve runs a server on a data directory and returns what stops it.
func serve(t *testing.T, dir string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log()}, func(*app.Server) { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// check opens the directory and verifies everything that was acknowledged.
func check(t *testing.T, dir string, list []*stand.Mail) {
	t.Helper()
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c, err := stand.NewChecker(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	err = c.All(t.Context(), list)
	c.Close()
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
}

// octets reads the messages of a folder; .txt files get CRLF line ends.
func octets(t *testing.T, dir string) (list [][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".eml", ".msg", ".raw", ".txt"}, filepath.Ext(path)) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(b, []byte("From ")) && filepath.Ext(path) == ".txt" {
			b = b[bytes.IndexByte(b, '\n')+1:]
		}
		if filepath.Ext(path) == ".txt" {
			b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		}
		list = append(list, b)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return list
}

// bad makes messages that no parser likes.
func bad() [][]byte {
	nest := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 2000)
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n", 10_000) + "--b--\r\n"
	return [][]byte{
		{},
		[]byte("\r\n"), []byte("\x00\x00\x00"), []byte("no line end"), []byte("\r\n.\r\n..\r\n.\r\n"), []byte("a\rb\nc\r\n.\n"),
		[]byte("Subject: \xff\xfe\x00\r\n\r\n\xc3\x28\r\n"), []byte(nest), []byte(parts),
		[]byte("X: " + strings.Repeat("y", 3<<20) + "\r\n\r\n"),
		[]byte(strings.Repeat("Header: z\r\n", 100_000) + "\r\nbody\r\n"),
		[]byte("Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("!!!!====", 100_000)),
	}
}

// EX-01, EV-01, EV-10: all real mail, malformed mail too, is archived byte for
// byte; accepted = archived, with a valid proof each.
func TestEveryMessageComesBack(t *testing.T) {
	list := bad()
	shared := os.Getenv("SIEGEL_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	for _, dir := range []string{
		filepath.Join(shared, "corpus"), filepath.Join(shared, "vectors", "mail-parser-rfc"),
		filepath.Join("..", "..", "node_modules", "@stdlib", "datasets-spam-assassin", "data"),
	} {
		found := octets(t, dir)
		if len(found) == 0 {
			t.Logf("skipped: %s is not there", dir)
		}
		list = append(list, found...)
	}
	seen := make(map[string]bool)
	var mails []*stand.Mail
	for _, b := range list {
		if !seen[string(b)] { // the same from the same sender to the same person is one message
			seen[string(b)] = true
			mails = append(mails, stand.Of(b, "sender@elsewhere.example", "office@"+stand.Domain))
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, dir)
	defer stop()
	send(t, dir, mails)
	stop()
	t.Logf("%d messages", len(mails))
	check(t, dir, mails)
}

// send delivers over several connections; each message must be accepted.
func send(t *testing.T, dir string, mails []*stand.Mail) {
	t.Helper()
	var wait sync.WaitGroup
	const senders = 8
	for n := range senders {
		wait.Go(func() {
			c, err := stand.Dial(stand.Socket(dir))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			for i := n; i < len(mails); i += senders {
				if r, err := c.Send(mails[i]); err != nil || !r.OK() {
					t.Errorf("message %d: %v, %v", i, r, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// A full disk, on a small real file system: senders are told to come again,
// nothing acknowledged is lost, and it goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	defer func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) }()
	dir := filepath.Join(small, "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, dir)
	defer stop()
	c, err := stand.Dial(stand.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	var kept []*stand.Mail
	refused := 0
	for range 400 {
		m := stand.NewMail(100_000)
		r, err := c.Send(m)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.OK():
			kept = append(kept, m)
		case r.Code/100 == 4:
			refused++
		default:
			t.Fatalf("a full disk is answered by %v", r)
		}
		if refused == 5 {
			break
		}
	}
	if refused < 5 || len(kept) < 10 {
		t.Fatalf("%d kept, %d refused: the disk was not full, or at once", len(kept), refused)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	m := stand.NewMail(100_000)
	for range 50 {
		r, err := c.Send(m)
		if err != nil {
			t.Fatal(err)
		}
		if r.OK() {
			kept = append(kept, m)
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if kept[len(kept)-1] != m {
		t.Fatal("there is room again, and the server does not take it")
	}
	_ = c.Close()
	stop()
	check(t, dir, kept)
}

// EV-06, CR-06: damage on disk is found and named, by the depth that
// docs/threats.md says.
func TestDamageIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, dir)
	defer stop()
	mails := []*stand.Mail{stand.NewMail(5000), stand.NewMail(5000), stand.NewMail(5000)}
	for _, m := range mails {
		c, err := stand.Dial(stand.Socket(dir))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := c.Send(m); err != nil || !r.OK() {
			t.Fatalf("%v, %v", r, err)
		}
		_ = c.Close()
	}
	stop()
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	problems := func() (list []string) {
		found, err := a.VerifyLedger(t.Context(), mail.TenantID{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range found {
			for _, p := range v.Problems {
				list = append(list, v.Log+": "+p.What)
			}
		}
		return list
	}
	if list := problems(); len(list) != 0 {
		t.Fatalf("before any damage: %q", list)
	}
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "*", "packs", "*", "*"))
	if err != nil || len(packs) == 0 {
		t.Fatal("no packs", err)
	}
	good, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[200] ^= 4
	replace(t, packs[0], flipped)
	if list := problems(); len(list) != 1 || !strings.Contains(list[0], "packs: the sealed octets") {
		t.Errorf("a flipped bit in a pack: %q", list)
	}
	s, err := stand.SignIn(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	verified, err := a.VerifyOpened(t.Context(), s, func(int64, int64) {})
	if err != nil || len(verified[0].Problems) != 1 {
		t.Errorf("the opened depth: %+v, %v", verified, err)
	}
	replace(t, packs[0], good)
	if err := os.Remove(packs[0]); err != nil {
		t.Fatal(err)
	}
	if list := problems(); len(list) != 1 || !strings.Contains(list[0], "missing") {
		t.Errorf("a missing pack: %q", list)
	}
	replace(t, packs[0], good)
	if list := problems(); len(list) != 0 {
		t.Fatalf("after mending: %q", list)
	}
}

func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	_ = os.Remove(path)
	if err := os.WriteFile(path, b, 0o400); err != nil {
		t.Fatal(err)
	}
}

// A clock that goes behind the last checkpoint keeps the server from serving.
func TestClockGoesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.ProofNow(t.Context()), a.Close()); err != nil {
		t.Fatal(err)
	}
	early := func() time.Time { return time.Now().Add(-time.Hour) }
	err = stand.Serve(t.Context(), app.Options{Dir: dir, Now: early}, func(*app.Server) {})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "set the clock") {
		t.Fatalf("error %v", err)
	}
}

// D18, EV-13: production takes neither the test authority nor its certificate.
func TestProductionRefusesTestParts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	err := app.Init(app.InitOptions{Dir: dir, Name: "production.example", Environment: app.Production, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stand.Open(t.Context(), app.Options{Dir: dir, Change: func(c *app.Config) { c.Timestamps.URL = app.TestAuthority }})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "proves nothing") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "test")); !os.IsNotExist(err) {
		t.Fatalf("test parts in a production directory: %v", err)
	}
}
