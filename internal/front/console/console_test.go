package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/archive"
	"siegel/internal/flow/tally"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// evidence is the room behind those commands that need no session.
type evidence struct {
	verify func(ctx context.Context) ([]console.Verified, error)
}

func (evidence) Proof(context.Context, *identity.Session, archive.ProofOf, io.Writer) error {
	return errors.New("not in this test")
}

func (e evidence) VerifyLedger(ctx context.Context, _ mail.TenantID) ([]console.Verified, error) {
	return e.verify(ctx)
}

func (evidence) VerifyOpened(context.Context, *identity.Session, func(done, total int64)) ([]console.Verified, error) {
	return nil, errors.New("not in this test")
}

func (evidence) Export(context.Context, mail.TenantID, string) (console.Exported, error) {
	return console.Exported{}, errors.New("not in this test")
}

func (evidence) Damaged(context.Context) (map[mail.TenantID]error, error) { return nil, nil }

func (evidence) Space(context.Context) (console.Space, error) {
	return console.Space{}, errors.New("not in this test")
}

func (evidence) Whole(context.Context, mail.TenantID) (tally.Whole, error) {
	return tally.Whole{}, errors.New("not in this test")
}

func (evidence) Doctor(context.Context) []console.Finding {
	return []console.Finding{{Name: "disk", State: "ok", What: console.Sentence{Text: "%d {problem was|problems were} found", Args: []any{3}}}}
}

// serve answers on a socket and returns its path.
func serve(t *testing.T, e evidence) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: console.New(console.Deps{Evidence: e, Log: slog.New(slog.DiscardHandler)}), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return path
}

func dial(t *testing.T, socket string, l text.Lang) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), socket, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func none(context.Context) ([]console.Verified, error) { return []console.Verified{}, nil }

// raw posts octets as any program could, and returns the status and the answer.
func raw(t *testing.T, socket, method, command, body string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://console/v1/"+command, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(a.Body)
	if err := errors.Join(err, a.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// The answer is one line of JSON with a result or an error; what cannot be read
// for certain is an error of kind invalid, and the command is not carried out.
func TestCommandIsRead(t *testing.T) {
	calls := 0
	socket := serve(t, evidence{func(context.Context) ([]console.Verified, error) { calls++; return nil, nil }})
	big := `{"tenant":"` + strings.Repeat("x", 1<<20-len(`{"tenant":""}`)) + `"}`
	for name, body := range map[string]string{
		"unknown field":         `{"unknown":1}`,
		"unknown field, nested": `{"as":"","more":{"as":"x"}}`,
		"another type":          `{"tenant":1}`,
		"no object":             `[]`,
		"nothing":               ``,
		"cut":                   `{"tenant":"x"`,
		"something behind":      `{} {}`,
		"garbage behind":        `{}x`,
		"a bracket behind":      `{}}`,
		"too long":              big + " ",
	} {
		status, answer := raw(t, socket, http.MethodPost, "ledger/verify", body)
		var line struct {
			Error  *console.Error  `json:"error"`
			Result json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal([]byte(answer), &line); err != nil || status != http.StatusOK || line.Result != nil || line.Error == nil ||
			line.Error.Kind != "invalid" || strings.Count(answer, "\n") != 1 {
			t.Errorf("%s: status %d, %.200q", name, status, answer)
		}
	}
	if calls != 0 {
		t.Errorf("%d commands were carried out", calls)
	}
	if _, answer := raw(t, socket, http.MethodPost, "ledger/verify", " {} \n"); answer != "{\"result\":null}\n" || calls != 1 {
		t.Errorf("blanks around: %q", answer)
	}
	// A whole mebibyte is read: the limit is not one less.
	if _, answer := raw(t, socket, http.MethodPost, "ping", big); answer != "{\"result\":{}}\n" {
		t.Errorf("of 1 MiB: %.100q", answer)
	}
	for _, r := range [][2]string{{http.MethodGet, "ping"}, {http.MethodPut, "ping"}, {http.MethodPost, "pong"}, {http.MethodPost, "ping/"}, {http.MethodPost, ""}} {
		if status, _ := raw(t, socket, r[0], r[1], "{}"); status == http.StatusOK {
			t.Errorf("%s %s is a command", r[0], r[1])
		}
	}
}

// No room on a disk is a sentence of kind exhausted, wherever it was found; a
// fault says it better.
func TestRoom(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := fmt.Errorf("a file: %w", &fs.PathError{Op: "write", Path: "/secret", Err: cause})
		if e := console.Explain(text.New(), text.German, err); e.Kind != "exhausted" || !strings.Contains(e.Text, "Datenträger ist voll") || strings.Contains(e.Text, "secret") {
			t.Errorf("%v: %+v", cause, e)
		}
		if e := console.Explain(text.New(), text.English, fault.Because(fault.Busy, "wait", err)); e.Kind != "busy" {
			t.Errorf("%v in a fault: %+v", cause, e)
		}
	}
	if e := console.Explain(text.New(), text.English, syscall.EIO); e.Kind != "internal" {
		t.Errorf("another error: %+v", e)
	}
}

// Every problem is counted, and as many are listed as a reader takes in (EV-07).
func TestProblemsAreCounted(t *testing.T) {
	var v console.Verified
	for i := range 12_045 {
		v.Add(console.Problem{Index: int64(i)})
	}
	if v.Found != 12_045 || len(v.Problems) != console.MaxProblems || v.Problems[999].Index != 999 {
		t.Errorf("%d problems were found, %d are listed", v.Found, len(v.Problems))
	}
}

// A server that does not know a command says so; faults and findings come in
// the language of each client.
func TestLanguages(t *testing.T) {
	problem := fault.Newf(fault.Damaged, "entry %d of the %s log is not the one that was entered", 7, "audit")
	socket := serve(t, evidence{func(context.Context) ([]console.Verified, error) {
		return []console.Verified{{Log: "audit", Problems: []console.Problem{
			{Index: 7, Err: problem}, {Index: -1, Err: errors.New("a secret of the house")},
		}}}, nil
	}})
	for l, want := range map[text.Lang][3]string{
		text.English: {"entry 7 of the audit log is not the one that was entered", "3 problems were found", "the command cannot be read"},
		text.German:  {"Eintrag 7 des Logs audit ist nicht der eingetragene", "3 Fehler wurden gefunden", "der Befehl"},
	} {
		c := dial(t, socket, l)
		var list []console.Verified
		if err := c.Call(t.Context(), "ledger/verify", struct{}{}, &list, nil); err != nil {
			t.Fatal(err)
		}
		p := list[0].Problems
		if p[0].What != want[0] || p[0].Index != 7 || p[1].Index != -1 || strings.Contains(p[1].What, "secret") {
			t.Errorf("%s: %+v", l, p)
		}
		var checks []console.Check
		if err := c.Call(t.Context(), "doctor", struct{}{}, &checks, nil); err != nil || checks[0].What != want[1] {
			t.Errorf("%s: %+v, %v", l, checks, err)
		}
		err := c.Call(t.Context(), "ledger/verify", map[string]int{"unknown": 1}, nil, nil)
		var e *console.Error
		if !errors.As(err, &e) || e.Kind != "invalid" || !strings.Contains(e.Text, want[2]) {
			t.Errorf("%s: %v", l, err)
		}
		if err := c.Call(t.Context(), "of/tomorrow", struct{}{}, nil, nil); err == nil || !strings.Contains(err.Error(), "of/tomorrow") {
			t.Errorf("%s: %v", l, err)
		}
	}
}

// Two clients work at the same time, and one that goes takes nothing from the
// other.
func TestTwoClients(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	socket := serve(t, evidence{func(context.Context) ([]console.Verified, error) {
		inside <- struct{}{}
		<-leave
		return none(t.Context())
	}})
	ended := make(chan error, 2)
	for range 2 {
		c := dial(t, socket, text.English)
		go func() { ended <- c.Call(t.Context(), "ledger/verify", struct{}{}, nil, nil) }()
	}
	<-inside
	<-inside // both are in the command
	third := dial(t, socket, text.English)
	if err := third.Close(); err != nil {
		t.Error(err)
	}
	close(leave)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Who goes away ends the command: its context is done.
func TestClientGoes(t *testing.T) {
	inside, done := make(chan struct{}), make(chan error, 1)
	wait := func(ctx context.Context) ([]console.Verified, error) {
		close(inside)
		<-ctx.Done()
		done <- ctx.Err()
		return nil, ctx.Err()
	}
	for name, client := range map[string]func(t *testing.T) *client.Client{
		"socket": func(t *testing.T) *client.Client {
			t.Helper()
			return dial(t, serve(t, evidence{wait}), text.English)
		},
		"in process": func(t *testing.T) *client.Client {
			t.Helper()
			c := client.Local(console.New(console.Deps{Evidence: evidence{wait}, Log: slog.New(slog.DiscardHandler)}), text.English)
			t.Cleanup(func() { _ = c.Close() })
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			inside = make(chan struct{})
			c := client(t)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.Call(ctx, "ledger/verify", struct{}{}, nil, nil) }()
			<-inside
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the client was told %v", err)
			}
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("the command was told %v", err)
			}
		})
	}
}

// Nobody listens: Dial says so, so that the command opens the directory itself.
func TestNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := client.Dial(t.Context(), path, text.English); err == nil {
		t.Error("a missing socket answers")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Dial(t.Context(), path, text.English); err == nil {
		t.Error("a socket that a killed server left answers")
	}
}
