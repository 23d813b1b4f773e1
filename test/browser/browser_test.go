package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/quotedprintable"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/test/stand"
)

type person struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// message is one with HTML.
func message(subject, html string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(html)) // memory
	_ = w.Close()
	return "From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\nSubject: " + subject + "\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n", "\r\n")
}

// vectors are DOMPurify's.
func vectors(t *testing.T) (list []struct{ Title, Payload string }) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(os.Getenv("SIEGEL_SHARED"), "vectors", "dompurify", "expect.json"))
	if err != nil {
		t.Skip("the folder with vectors is not here")
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// EX-05, EX-17: every page, for every role, is found well by axe-core in both languages,
// light and dark, on a wide screen and on a phone; and nothing that a message has runs,
// asks anybody for anything or opens a window.
func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		t.Skip("this machine has no Chromium: make deps-test installs it")
	}
	list := vectors(t)
	dir := t.TempDir()
	must(t, stand.New(t.Context(), dir))
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log(), Change: func(c *config.Config) { c.Web.Listen = "127.0.0.1:0" }}, func(s *app.Server) {
			ready <- "http://" + s.WebAddr().String()
		})
	}()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
	var site string
	select {
	case site = <-ready:
	case err := <-done:
		done <- nil // the end is waited for once more
		t.Fatal(err)
	}
	c, err := stand.Dial(stand.Socket(dir))
	must(t, err)
	send := func(m string) {
		reply, err := c.Send(stand.Of([]byte(m), "anna@a.example", stand.Reader))
		must(t, err)
		if reply.Code != 250 {
			t.Fatal(reply)
		}
	}
	send(message("rich", `<h1>Rich text</h1><p style="color:#2f6b3a">of <b>some</b> kind</p><table border=1><tr><td>a<td>b</table><img src="https://track.example/x.gif"><a href="https://a.example/">a link</a>`))
	for i, v := range list {
		send(message(fmt.Sprint("vector ", i), v.Payload))
	}
	must(t, c.Close())
	look(t, site, len(list))
}

func look(t *testing.T, site string, vectors int) {
	t.Helper()
	in, err := json.Marshal(map[string]any{
		"people": []person{
			{"administrator", "admin@" + stand.Domain, stand.Password}, {"keeper", stand.Keeper, stand.Password}, {"reader", stand.Reader, stand.Password},
		},
		"vectors": vectors, "pictures": os.Getenv("SIEGEL_PICTURES"), "all": os.Getenv("SIEGEL_PICTURES") != "", "root": os.Getuid() == 0,
	})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "look.mjs", site)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		t.Error(strings.TrimSpace(line))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
