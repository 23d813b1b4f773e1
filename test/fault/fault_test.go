package fault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/kit/fault"
	"siegel/test/corpus"
	"siegel/test/stand"
)

// checkAll opens the directory and checks that every message comes back and is
// proven, that there are as many entries as messages, each once, and that
// `ledger verify` finds nothing at either depth.
func checkAll(t *testing.T, dir string, list []*stand.Mail) {
	t.Helper()
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c, err := stand.NewChecker(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(c.Counted(t.Context(), list), c.All(t.Context(), list), c.Opened(t.Context()))
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
		[]byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 5000)), []byte("Subject: " + strings.Repeat("=?utf-8?q?", 200_000) + "\r\n\r\n"),
		[]byte("Content-Type: text/html\r\n\r\n" + strings.Repeat("<div>", 500_000)),
		[]byte("To: " + strings.Repeat("(", 500_000) + "\r\nFrom: " + strings.Repeat("a@b,", 300_000) + "\r\n\r\n"),
		[]byte("Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("!!!!====", 100_000)),
	}
}

// EX-01, EV-01, EV-10: all real mail, malformed mail too, is archived byte for
// byte; accepted = archived, with a valid proof each.
func TestEveryMessageComesBack(t *testing.T) {
	list := bad()
	shared, _ := corpus.Find(t)
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
	_, stop := stand.Start(t, app.Options{Dir: dir, Log: stand.Log()})
	defer stop()
	send(t, dir, mails)
	stop()
	t.Logf("%d messages", len(mails))
	checkAll(t, dir, mails)
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
	err := app.Init(app.InitOptions{Dir: dir, Name: "production.example", Environment: config.Production, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stand.Open(t.Context(), app.Options{Dir: dir, Change: func(c *config.Config) { c.Timestamps.URL = config.TestAuthority }})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "proves nothing") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "test")); !os.IsNotExist(err) {
		t.Fatalf("test parts in a production directory: %v", err)
	}
}
