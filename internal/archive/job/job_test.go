package job_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/archive/export"
	"siegel/internal/archive/job"
	"siegel/internal/audit"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/aezip"
	"siegel/internal/proto/manifest"
	"siegel/internal/vault/blob"
	"siegel/test/clock"
	"siegel/test/stand"
)

// yard is a data directory with mail in it, and rooms for jobs over it.
type yard struct {
	*testing.T
	*app.App
	sent  map[string][]byte // by id
	clock *clock.Clock
}

func newYard(t *testing.T, messages int) *yard {
	t.Helper()
	t.Parallel()
	y := &yard{T: t, sent: make(map[string][]byte)}
	dir := t.TempDir()
	y.ok(stand.New(t.Context(), dir))
	y.clock = clock.At(time.Now())
	a, err := stand.Open(context.Background(), app.Options{Dir: dir, Now: y.clock.Now})
	y.ok(err)
	y.App = a
	stop := stand.Committing(context.Background(), a)
	for i := range messages {
		octets := fmt.Appendf(nil, "From: anna@a.example\r\nTo: %s\r\nSubject: canary %d\r\n\r\n%s\r\n", stand.Reader, i, strings.Repeat("word ", i%40))
		id, err := stand.Put(t.Context(), a, y.clock.Now().Add(time.Duration(i-messages)*time.Second), octets, stand.Reader)
		y.ok(err)
		y.sent[id.String()] = octets
	}
	t.Cleanup(func() { y.ok(errors.Join(stop(), a.Close())) })
	return y
}

func (y *yard) ok(err error) {
	y.Helper()
	if err != nil {
		y.Fatal(err)
	}
}

func (y *yard) wants(what string, err error, kind fault.Kind) {
	y.Helper()
	if err == nil || fault.Of(err) != kind {
		y.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

// comes signs somebody in and returns her visit.
func (y *yard) comes(email string) *visit.Visit {
	y.Helper()
	from := visit.Visitor{Peer: netip.MustParseAddr("192.0.2.1"), Agent: "Firefox"}
	e, err := y.Visits.SignIn(y.Context(), from, "", mail.NewAddress(email), []byte(stand.Password))
	y.ok(err)
	v, err := y.Visits.Return(y.Context(), from, e.Cookie)
	y.ok(err)
	y.Cleanup(v.Release)
	return v
}

// node is a room for jobs as a node has one. It stops with the test.
func (y *yard) node(change func(*job.Deps)) *job.Room {
	y.Helper()
	d := job.Deps{
		DB: y.DB, Vault: y.Vault, Store: y.Store, Trail: y.Trail, Identity: y.Identity, Archive: y.Archive, Exports: y.Exports, Guests: y.Visits,
		Find: y.Find, Now: time.Now, Log: slog.New(slog.DiscardHandler), TempDir: y.TempDir(), Home: mail.NewID(),
		Times: job.Times{Beat: 20 * time.Millisecond, Again: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}, Part: 10},
	}
	if change != nil {
		change(&d)
	}
	r := job.New(d)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	y.Cleanup(func() {
		stop()
		y.ok(<-done)
	})
	return r
}

const patience = 30 * time.Second

// until waits for a state.
func (y *yard) until(r *job.Room, v *visit.Visit, id mail.ID, state job.State) job.Job {
	y.Helper()
	var j job.Job
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if j, err = r.Get(y.Context(), v.Session, id); err == nil && j.State == state {
			return j
		}
	}
	y.Fatalf("the job is %s (%s) after %v, want %s: %v", j.State, j.Problem, patience, state, err)
	return j
}

func all(o job.Order) job.Order {
	o.Kind, o.Format = job.Export, export.AsEML
	return o
}

// files opens the parts of an export and compares all of it with what was sent: each
// message is there once, with the octets that the archive took.
func (y *yard) files(r *job.Room, v *visit.Visit, j job.Job, want int) (list []string) {
	y.Helper()
	seen := make(map[string]bool)
	dir := y.TempDir()
	for _, p := range j.Parts {
		f, err := r.Open(y.Context(), v.Session, j.ID, p.Number)
		y.ok(err)
		b, err := io.ReadAll(f)
		y.ok(errors.Join(err, f.Close()))
		if int64(len(b)) != p.Size || int64(len(b)) != f.Size {
			y.Errorf("part %d has %d octets, not %d", p.Number, len(b), p.Size)
		}
		path := filepath.Join(dir, f.Name)
		y.ok(os.WriteFile(path, b, 0o600))
		list = append(list, path)
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		y.ok(err)
		data := make(map[string][]byte)
		for _, e := range z.File {
			data[e.Name] = y.entry(e, j.Password)
		}
		_, _, err = manifest.Read(bytes.NewReader(data["manifest.jsonl"]), func(it manifest.Item) error {
			sum := sha256.Sum256(y.sent[it.ID])
			if seen[it.ID] || it.Problem != "" || it.SHA256 != hex.EncodeToString(sum[:]) || it.File != "" && it.Offset == nil && !bytes.Equal(data[it.File], y.sent[it.ID]) {
				return fmt.Errorf("message %s of part %d is there twice, or is not what was sent: %+v", it.ID, p.Number, it)
			}
			seen[it.ID] = true
			return nil
		})
		y.ok(err)
	}
	if len(seen) != want {
		y.Errorf("%d messages, want %d", len(seen), want)
	}
	return list
}

func (y *yard) entry(e *zip.File, password string) []byte {
	y.Helper()
	var r io.Reader
	var err error
	if password != "" {
		r, err = aezip.Open(e, password)
	} else {
		r, err = e.Open()
	}
	y.ok(err)
	b, err := io.ReadAll(r)
	y.ok(err)
	return b
}

// objects counts the parts that the store has.
func (y *yard) objects() (n int) {
	y.Helper()
	y.ok(y.Store.List(y.Context(), "", func(name blob.Name, _ int64) error {
		if strings.Contains(string(name), "/jobs/") {
			n++
		}
		return nil
	}))
	return n
}

// empties waits until the store has no part, those that the hourly round takes away too:
// where nobody knew whether a row was written.
func (y *yard) empties(r *job.Room, v *visit.Visit) {
	y.Helper()
	for end := time.Now().Add(patience); y.objects() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			y.Fatalf("%d objects stay", y.objects())
		}
		y.ok(r.Expire(y.Context(), v.Tenant().ID()))
	}
}

// events returns what of the audit log has a prefix.
func (y *yard) events(prefix string) (list []string) {
	y.Helper()
	k := y.comes(stand.Keeper)
	y.ok(y.Trail.List(y.Context(), k.Tenant(), k.Unlocked(), 1000, func(e audit.Entry) error {
		if strings.HasPrefix(e.What, prefix) {
			list = append(list, e.What+" "+e.New+" "+e.Note)
		}
		return nil
	}))
	return list
}

// EX-02, D16: an export is made on the server, encrypted, in parts; it has what the archive
// took, and 7-Zip opens it with the password that only its person sees.
func TestExport(t *testing.T) {
	y := newYard(t, 25)
	r := y.node(nil)
	v := y.comes(stand.Reader)
	for _, format := range []string{export.AsEML, export.AsMbox} {
		j, err := r.Start(t.Context(), v.Session, v, job.Order{Kind: job.Export, Format: format})
		y.ok(err)
		j = y.until(r, v, j.ID, job.Done)
		if len(j.Parts) != 3 || j.Total != 25 || j.Done != 25 || j.Percent() != 100 || len(j.Password) < 32 || j.Ended.IsZero() {
			t.Errorf("%+v", j)
		}
		list := y.files(r, v, j, 25)
		y.seven(list[0], j.Password)
	}
	sealed := 0
	y.ok(y.Store.List(t.Context(), "", func(name blob.Name, size int64) error {
		if strings.Contains(string(name), "/jobs/") {
			b, err := y.Store.Get(t.Context(), name, 0, -1)
			y.ok(err)
			octets, err := io.ReadAll(b)
			y.ok(errors.Join(err, b.Close()))
			if bytes.Contains(octets, []byte("manifest.jsonl")) || bytes.Contains(octets, []byte("PK\x03\x04")) {
				t.Error("an object is not sealed")
			}
			sealed++
		}
		return nil
	}))
	if sealed != 6 {
		t.Errorf("%d objects", sealed)
	}
	if got := y.events("job."); strings.Join(got, ",") == "" || len(got) != 10 { // begin, end, three downloads, twice
		t.Errorf("%q", got)
	}
}

// seven has 7-Zip test a part.
func (y *yard) seven(path, password string) {
	y.Helper()
	program, err := exec.LookPath("7zz")
	if err != nil {
		if program, err = exec.LookPath("7z"); err != nil {
			y.Skip("7-Zip is not there: make deps-test installs it")
		}
	}
	out, err := exec.CommandContext(y.Context(), program, "t", "-p"+password, path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Everything is Ok") {
		y.Errorf("7-Zip: %v: %s", err, out)
	}
	if err := exec.CommandContext(y.Context(), program, "t", "-pother", path).Run(); err == nil {
		y.Error("7-Zip opens it with another password")
	}
}

// D16: plain takes a reason; mail of others does, too; both stand in the audit log for who
// holds the archive.
func TestReason(t *testing.T) {
	y := newYard(t, 3)
	r := y.node(nil)
	v, k := y.comes(stand.Reader), y.comes(stand.Keeper)
	_, err := r.Start(t.Context(), v.Session, v, all(job.Order{Plain: true}))
	y.wants("plain without a reason", err, fault.Invalid)
	_, err = r.Start(t.Context(), k.Session, k, all(job.Order{}))
	y.wants("mail of others without a reason", err, fault.Invalid)
	_, err = r.Start(t.Context(), v.Session, v, all(job.Order{Query: "nothingofthekind"}))
	y.wants("nothing", err, fault.Invalid)
	_, err = r.Start(t.Context(), v.Session, v, job.Order{Kind: job.Export, Format: "pdf"})
	y.wants("no format", err, fault.Invalid)
	_, err = r.Start(t.Context(), v.Session, v, job.Order{Kind: "other"})
	y.wants("no kind", err, fault.Invalid)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{Plain: true, Reason: "case 7 canary", Query: "canary"}))
	y.ok(err)
	j = y.until(r, v, j.ID, job.Done)
	if j.Password != "" {
		t.Error("a plain export has a password")
	}
	y.files(r, v, j, 3)
	var place string
	var box []byte
	y.ok(v.Tenant().QueryRow(t.Context(), `SELECT place, box FROM archive_job WHERE tenant = $1 AND id = $2`, j.ID.Bytes()).Scan(&place, &box))
	if strings.Contains(place+string(box), "canary") || strings.Contains(string(box), "eml") {
		t.Error("the row says what was ordered")
	}
	if got := strings.Join(y.events("export.begin"), ","); !strings.Contains(got, "case 7 canary") {
		t.Errorf("the audit log has %q", got)
	}
	if list, err := r.List(t.Context(), v.Session); err != nil || len(list) != 1 {
		t.Errorf("what was refused is a job: %d, %v", len(list), err)
	}
}

// Nobody else sees a job, whoever she is.
func TestOthers(t *testing.T) {
	y := newYard(t, 3)
	y.ok(stand.FoundAs(t.Context(), y.App, "other", "other.example"))
	r := y.node(nil)
	v := y.comes(stand.Reader)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	y.until(r, v, j.ID, job.Done)
	for _, who := range []string{stand.Keeper, "admin@" + stand.Domain, "reader@other.example", "keeper@other.example"} {
		o := y.comes(who)
		_, err := r.Get(t.Context(), o.Session, j.ID)
		y.wants(who+" sees", err, fault.NotFound)
		_, err = r.Open(t.Context(), o.Session, j.ID, 1)
		y.wants(who+" opens", err, fault.NotFound)
		y.wants(who+" cancels", r.Cancel(t.Context(), o.Session, j.ID), fault.NotFound)
		y.wants(who+" deletes", r.Delete(t.Context(), o.Session, j.ID), fault.NotFound)
		if list, err := r.List(t.Context(), o.Session); err != nil || len(list) != 0 {
			t.Errorf("%s lists %d, %v", who, len(list), err)
		}
	}
	_, err = r.Open(t.Context(), v.Session, j.ID, 2)
	y.wants("a part that is not there", err, fault.NotFound)
	a := y.comes("admin@" + stand.Domain)
	_, err = r.Start(t.Context(), a.Session, a, all(job.Order{}))
	y.wants("an administrator", err, fault.Denied)
}
