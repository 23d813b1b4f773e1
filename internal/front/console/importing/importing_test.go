package importing_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/front/console"
	"siegel/internal/front/console/importing"
	"siegel/internal/kit/text"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A server that is gone at any moment of an import, before it has answered or while it
// is sent to, leaves nobody waiting.
func TestImportServerGone(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n{\"begun\":{}}\n"} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		check(t, err)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil && r.URL.Path == "/v1/ping" {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{\"result\":{}}\n")
				} else {
					time.Sleep(50 * time.Millisecond)
					_, _ = io.WriteString(conn, answer)
					time.Sleep(50 * time.Millisecond)
				}
				_ = conn.Close()
			}
		}()
		c, err := console.Dial(t.Context(), path, text.English)
		check(t, err)
		done := make(chan error, 1)
		go func() {
			i, err := importing.Begin(t.Context(), c, console.Import{}, func(console.Outcome) {})
			for err == nil {
				err = i.Send(strings.NewReader("x"), func() []byte { return nil })
				if err != nil {
					err = errors.Join(err, i.Break())
				}
			}
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, console.ErrBroken) {
				t.Errorf("%q: %v", answer, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: the command waits for ever", answer)
		}
		check(t, l.Close())
	}
}
