package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger/stamping"
	"siegel/test/stand"
)

const (
	otherTenant = "other"
	otherDomain = "other.example"
)

// two makes a data directory with two tenants, each of which got mail that was
// signed, and with mail for the second that is not signed.
func two(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	ctx := t.Context()
	must(t, stand.New(ctx, dir))
	a := opened(t, dir, nil)
	must(t, stand.FoundAs(ctx, a, otherTenant, otherDomain))
	must(t, a.Close())
	s := serving(t, dir, nil)
	for _, domain := range []string{stand.Domain, otherDomain} {
		if code := send(t, dir, domain); code != 250 {
			t.Fatalf("mail for %s: %d", domain, code)
		}
	}
	must(t, s.ProofNow(ctx))
	s.stop()
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, dir string, log *slog.Logger) *app.App {
	t.Helper()
	a, err := stand.Open(t.Context(), app.Options{Dir: dir, Log: log})
	must(t, err)
	return a
}

// running is a server that takes mail.
type running struct {
	*app.Server
	stop func()
}

func serving(t *testing.T, dir string, log *slog.Logger) running {
	t.Helper()
	a := opened(t, dir, log)
	s, err := app.NewServer(t.Context(), a)
	if err != nil {
		t.Fatal(errors.Join(err, a.Close()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return running{s, stop}
}

// send sends a message to a reader of a domain and returns the reply's code.
func send(t *testing.T, dir, domain string) int {
	t.Helper()
	c, err := stand.Dial(stand.Socket(dir))
	must(t, err)
	defer c.Close()
	m := stand.NewMail(500)
	reply, err := c.Send(stand.Of(m.Octets, m.From, "reader@"+domain))
	must(t, err)
	return reply.Code
}

// idOf returns a tenant's id, as the database has it.
func idOf(t *testing.T, a *app.App, name string) mail.TenantID {
	t.Helper()
	list, err := a.Identity.Tenants(t.Context())
	must(t, err)
	for _, one := range list {
		if one.Name == name {
			return one.ID
		}
	}
	t.Fatalf("there is no tenant %s", name)
	return mail.TenantID{}
}

// change runs a statement for a tenant behind the back of a server that does not
// run.
func change(t *testing.T, dir, tenant, statement string, args ...any) {
	t.Helper()
	a := opened(t, dir, nil)
	handle := a.DB.Instance()
	if tenant != "" {
		handle = a.DB.Tenant(idOf(t, a, tenant))
	}
	must(t, handle.Update(t.Context(), func(tx *db.Tx) error {
		res, err := tx.Exec(t.Context(), statement, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("no row was changed"))
		}
		return nil
	}))
	must(t, a.Close())
}

// Damage of one tenant's logs keeps nobody else from anything: the server
// starts, the tenant's mail waits with its senders, nobody of it signs in,
// nothing of it is signed, and whoever asks is told. With the database mended it
// works again.
func TestQuarantine(t *testing.T) {
	stand.OnlyFiles(t)
	whole := two(t)
	for what, harm := range map[string]string{
		"the message log was set back": `UPDATE ledger_log SET tenant = $1, size = 0, edge = '' WHERE tenant = $1 AND name = 'message'`,
		"a log is gone":                `DELETE FROM ledger_log WHERE tenant = $1 AND name = 'audit'`,
		"an entry was changed":         `UPDATE ledger_entry SET tenant = $1, text = sealed WHERE tenant = $1 AND log = 'audit' AND idx = 3`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			must(t, os.CopyFS(dir, os.DirFS(whole)))
			for _, name := range []string{"master.key", "ledger.key"} {
				must(t, os.Chmod(filepath.Join(dir, name), 0o400))
			}
			change(t, dir, otherTenant, harm)
			quarantined(t, dir)

			for _, name := range []string{"control.db", "control.db-wal", "control.db-shm"} {
				if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			// The others' guards go back with the copy, which has not what they got since.
			must(t, os.RemoveAll(filepath.Join(dir, "objects")))
			must(t, os.CopyFS(filepath.Join(dir, "objects"), os.DirFS(filepath.Join(whole, "objects"))))
			copied(t, filepath.Join(whole, "control.db"), filepath.Join(dir, "control.db"))
			s := serving(t, dir, nil)
			if code := send(t, dir, otherDomain); code != 250 {
				t.Errorf("after mending: %d", code)
			}
			must(t, s.ProofNow(t.Context()))
			session, err := s.Identity.SignIn(t.Context(), otherTenant, "keeper@"+otherDomain, []byte(stand.Password))
			must(t, err)
			session.Close()
		})
	}
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// quarantined serves a directory whose second tenant is damaged.
func quarantined(t *testing.T, dir string) {
	t.Helper()
	ctx := t.Context()
	var log lockedBuffer
	s := serving(t, dir, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))
	defer s.stop()
	other := idOf(t, s.App, otherTenant)
	guards := func() (all []byte) {
		for _, name := range []string{"message", "audit"} {
			b, err := os.ReadFile(filepath.Join(dir, "objects", other.String(), "checkpoints", name))
			must(t, err)
			all = append(all, b...)
		}
		return all
	}
	before := guards()
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, other.String()) {
		t.Errorf("the log says %q", got)
	}
	if code := send(t, dir, otherDomain); code/100 != 4 {
		t.Errorf("mail for the damaged tenant: %d", code)
	}
	if code := send(t, dir, stand.Domain); code != 250 {
		t.Errorf("mail for the other tenant: %d", code)
	}
	stamped := func() time.Time {
		status, err := stamping.Read(ctx, s.DB.Instance())
		must(t, err)
		return status.Covers
	}
	last := stamped()
	must(t, s.ProofNow(ctx))
	if !stamped().After(last) {
		t.Error("nothing is stamped any more")
	}
	if !bytes.Equal(before, guards()) {
		t.Error("something of the damaged tenant was signed")
	}
	session, err := stand.SignIn(ctx, s.App)
	must(t, err)
	session.Close()
	_, err = s.Identity.SignIn(ctx, otherTenant, "keeper@"+otherDomain, []byte(stand.Password))
	if sentence, _ := fault.Sentence(err); fault.Of(err) != fault.Damaged || !strings.Contains(sentence, "siegel ledger verify") {
		t.Errorf("people of the damaged tenant are told %v", err)
	}
	_, err = s.Identity.SignIn(ctx, otherTenant, "keeper@"+otherDomain, []byte("a wrong password"))
	if fault.Of(err) != fault.Denied {
		t.Errorf("who does not know the password is told %v", err)
	}
	told(t, s, other)
}

// told looks at what operators see.
func told(t *testing.T, s running, id mail.TenantID) {
	t.Helper()
	found := false
	for _, f := range s.Doctor(t.Context()) {
		if f.Name == "tenants" {
			found = f.State == "bad" && strings.Contains(f.Remedy.String(), "siegel ledger verify") && strings.Contains(f.What.String(), otherTenant)
		}
	}
	if !found {
		t.Error("the doctor says nothing")
	}
	c := client.Local(s.Console(), text.English)
	var list []struct{ ID, Problem string }
	must(t, c.Call(t.Context(), "tenant/list", json.RawMessage("{}"), &list, nil))
	for _, one := range list {
		if (one.ID == id.String()) != (one.Problem != "") {
			t.Errorf("the list says %+v", one)
		}
	}
	must(t, c.Close())
	verified, err := s.VerifyLedger(t.Context(), id)
	must(t, err)
	problems := 0
	for _, v := range verified {
		problems += len(v.Problems)
	}
	if problems == 0 {
		t.Error("ledger verify finds nothing")
	}
}

// Damage of the instance's own log keeps the server from starting.
func TestInstanceDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	must(t, stand.Init(dir))
	a := opened(t, dir, nil)
	must(t, stand.Found(t.Context(), a))
	must(t, a.Evidence.Checkpointer.CheckpointNow(t.Context()))
	must(t, a.Close())
	change(t, dir, "", `UPDATE ledger_log SET tenant = $1, size = 0, edge = '' WHERE tenant = $1 AND name = 'instance'`)
	a = opened(t, dir, nil)
	s, err := app.NewServer(t.Context(), a)
	if fault.Of(err) != fault.Damaged {
		t.Errorf("served: %v", err)
		if err == nil {
			must(t, s.Close())
		}
	}
	must(t, a.Close())
}

// Beside entries that are damaged or missing the audit log is listed, they are
// named, and the command fails.
func TestAuditListsTheRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	must(t, stand.New(t.Context(), dir))
	s := serving(t, dir, nil)
	c := client.Local(s.Console(), text.English)
	body := console.Audit{Credentials: console.Credentials{As: stand.Keeper, Password: stand.Password}, Limit: 100}
	var whole, rest []struct {
		Index int64
		What  string
	}
	must(t, c.Call(t.Context(), "audit", body, &whole, nil))
	handle := s.DB.Tenant(idOf(t, s.App, stand.Tenant))
	var events []int64
	for _, e := range whole {
		events = append(events, e.Index)
	}
	must(t, handle.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE ledger_entry SET tenant = $1, text = sealed WHERE tenant = $1 AND log = 'audit' AND idx = $2`, events[1])
		if err != nil {
			return err
		}
		_, err = tx.Exec(t.Context(), `DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = $2`, events[2])
		return err
	}))
	err := c.Call(t.Context(), "audit", body, &rest, nil)
	var e *console.Error
	if !errors.As(err, &e) || e.Kind != "damaged" || !strings.Contains(e.Text, fmt.Sprintf("entry %d ", events[1])) ||
		!strings.Contains(e.Text, fmt.Sprintf("entry %d ", events[2])) {
		t.Errorf("the command says %v", err)
	}
	if len(rest) != len(whole)-1 { // one more sign-in
		t.Errorf("%d events, there were %d", len(rest), len(whole))
	}
	must(t, c.Close())
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
