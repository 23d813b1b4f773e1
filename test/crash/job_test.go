package crash_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/mail"
	"siegel/internal/proto/aezip"
	"siegel/internal/proto/manifest"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
	"siegel/test/victim"
)

const (
	team     = "sales@" + stand.Domain
	messages = 1200 // six transactions of a regrant, sixty parts of an export
	jobKills = 3    // of each job
)

// OP-04, EX-02, EX-01: a server is killed in the middle of giving older mail and in the
// middle of an export, again and again. Each job ends whole all the same: nothing is given
// or exported twice, nothing is lost, what it counts is true, and the ledger verifies.
func TestKillInJobs(t *testing.T) {
	w := &work{T: t, dir: filepath.Join(t.TempDir(), "data"), sent: make(map[string][]byte)}
	w.fill()
	w.Child = start(t, w.dir, "", 0)
	t.Cleanup(func() { _ = w.Kill() }) // of a test that failed
	reader, keeper := w.person(stand.Reader), w.person(stand.Keeper)
	if n := w.found(reader); n != 0 {
		t.Fatalf("she reads %d messages before they are given to her", n)
	}
	given := w.through(keeper, "/jobs/regrant", map[string]any{"email": stand.Reader})
	if given.State != "done" || given.Gained != messages || given.Done != messages {
		t.Errorf("giving older mail: %+v", given)
	}
	if n := w.found(reader); n != messages {
		t.Errorf("she reads %d messages of %d", n, messages)
	}
	out := w.through(reader, "/jobs/export", map[string]any{"format": "eml"})
	if out.State != "done" || out.Done != messages || out.Problems != 0 || len(out.Export.Parts) != messages/20 {
		t.Errorf("the export: %+v", out)
	}
	w.parts(reader, out)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	w.leaves(len(out.Export.Parts))
}

// work is a data directory with mail, and the server that is killed on it.
type work struct {
	*testing.T
	*victim.Child

	dir  string
	sent map[string][]byte // by id
}

func (w *work) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fill makes the data directory: mail for an address that becomes the reader's afterwards.
func (w *work) fill() {
	w.Helper()
	w.ok(stand.New(w.Context(), w.dir))
	if os.Getenv(dbtest.Variable) != "postgres" { // there its configuration has a door for browsers
		w.ok(os.WriteFile(filepath.Join(w.dir, "siegel.yaml"), []byte("web:\n  listen: 127.0.0.1:0\n"), 0o600))
	}
	a, err := stand.Open(context.Background(), app.Options{Dir: w.dir})
	w.ok(err)
	stop := stand.Committing(context.Background(), a)
	var all sync.WaitGroup
	var mu sync.Mutex // guards sent
	next := make(chan int)
	for range 64 { // so they share groups
		all.Go(func() {
			for i := range next {
				octets := fmt.Appendf(nil, "From: anna@a.example\r\nTo: %s\r\nSubject: canary %d\r\n\r\n%s\r\n", team, i, strings.Repeat("word ", i%40))
				id, err := stand.Put(w.Context(), a, time.Now().Add(time.Duration(i-messages)*time.Second), octets, team)
				if err != nil {
					w.Error(err)
				}
				mu.Lock()
				w.sent[id.String()] = octets
				mu.Unlock()
			}
		})
	}
	for i := range messages {
		next <- i
	}
	close(next)
	all.Wait()
	s, err := stand.SignIn(w.Context(), a)
	w.ok(err)
	_, err = a.Identity.AddAddress(w.Context(), s, stand.Reader, team)
	w.ok(err)
	s.Close()
	w.ok(errors.Join(stop(), a.Close()))
}

// person has signed in. Her session goes on at the server that comes after a killed one.
func (w *work) person(email string) *http.Client {
	w.Helper()
	jar, err := cookiejar.New(nil)
	w.ok(err)
	p := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	status, answer := w.ask(p, http.MethodPost, "/sessions", map[string]any{"email": email, "password": stand.Password}, nil)
	if status != http.StatusCreated {
		w.Fatalf("%s signs in: %d %s", email, status, answer)
	}
	return p
}

// ask asks the REST API.
func (w *work) ask(p *http.Client, method, path string, body map[string]any, out any) (status int, answer []byte) {
	w.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		w.ok(err)
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, "http://"+w.Web+"/api/v1"+path, in)
	w.ok(err)
	r.Header.Set("Content-Type", "application/json")
	res, err := p.Do(r)
	w.ok(err)
	defer func() { _ = res.Body.Close() }() // what came is compared
	answer, err = io.ReadAll(res.Body)
	w.ok(err)
	if out != nil && res.StatusCode < 300 {
		w.ok(json.Unmarshal(answer, out))
	}
	return res.StatusCode, answer
}

// found is how many messages somebody reads.
func (w *work) found(p *http.Client) int {
	w.Helper()
	var out struct{ Total, Pending int }
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		status, answer := w.ask(p, http.MethodGet, "/messages?q=canary&limit=1", nil, &out)
		if status != http.StatusOK {
			w.Fatalf("a search: %d %s", status, answer)
		}
		if out.Pending == 0 {
			return out.Total
		}
	}
	w.Fatalf("%d messages are not in the index after a minute", out.Pending)
	return 0
}

// state is a job as its person sees it.
type state struct {
	ID, State             string
	Done, Total, Problems int
	Gained                int
	Ended                 *time.Time
	Export                struct {
		Password string
		Parts    []struct{ Number, Messages int }
	}
}

// through begins a job, kills the server in the middle of it some times, and returns how it
// ended.
func (w *work) through(p *http.Client, path string, order map[string]any) (j state) {
	w.Helper()
	if status, answer := w.ask(p, http.MethodPost, path, order, &j); status != http.StatusCreated {
		w.Fatalf("%s: %d %s", path, status, answer)
	}
	at, killed := "/jobs/"+j.ID, 0
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		j = state{}
		if status, answer := w.ask(p, http.MethodGet, at, nil, &j); status != http.StatusOK {
			w.Fatalf("%s: %d %s", at, status, answer)
		}
		if j.Ended != nil {
			break
		}
		// Each time further on: an export has parts by then, a regrant has given something.
		if killed == jobKills || j.State != "running" || max(j.Gained, j.Done) <= killed*messages/8 || max(j.Gained, j.Done) > messages/2 {
			continue
		}
		w.ok(w.Kill())
		w.Child = start(w.T, w.dir, "", 0)
		killed++
		before := j
		if status, answer := w.ask(p, http.MethodGet, at, nil, &j); status != http.StatusOK || j.Ended != nil {
			w.Fatalf("the server was not killed in the middle: %d %s", status, answer)
		}
		if len(j.Export.Parts) < len(before.Export.Parts) || j.Gained < before.Gained {
			w.Errorf("what was there is lost: %+v, before %+v", j, before)
		}
	}
	if killed != jobKills {
		w.Errorf("%s: the server was killed %d times, must be %d: %+v", path, killed, jobKills, j)
	}
	return j
}

// parts takes the parts away and compares all of them with what was sent: each message is
// there once, with the octets that the archive took.
func (w *work) parts(p *http.Client, j state) {
	w.Helper()
	seen := make(map[string]bool)
	for _, part := range j.Export.Parts {
		status, b := w.ask(p, http.MethodGet, fmt.Sprintf("/jobs/%s/parts/%d", j.ID, part.Number), nil, nil)
		if status != http.StatusOK {
			w.Fatalf("part %d: %d %s", part.Number, status, b)
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		w.ok(err)
		files := make(map[string][]byte)
		for _, f := range z.File {
			r, err := aezip.Open(f, j.Export.Password)
			w.ok(err)
			files[f.Name], err = io.ReadAll(r)
			w.ok(err)
		}
		_, _, err = manifest.Read(bytes.NewReader(files["manifest.jsonl"]), func(it manifest.Item) error {
			sum := sha256.Sum256(w.sent[it.ID])
			if seen[it.ID] || w.sent[it.ID] == nil || it.Problem != "" || it.SHA256 != hex.EncodeToString(sum[:]) || !bytes.Equal(files[it.File], w.sent[it.ID]) {
				return fmt.Errorf("message %s of part %d is there twice, or is not what was sent: %+v", it.ID, part.Number, it)
			}
			seen[it.ID] = true
			return nil
		})
		w.ok(err)
	}
	if len(seen) != messages {
		w.Errorf("%d messages were exported, want %d", len(seen), messages)
	}
}

// leaves checks what is there when the server has stopped: no object that no part needs, one
// wrap for her of each message, and a ledger that verifies.
func (w *work) leaves(parts int) {
	w.Helper()
	ctx := w.Context()
	a, err := stand.Open(ctx, app.Options{Dir: w.dir})
	w.ok(err)
	c, err := stand.NewChecker(ctx, a)
	w.ok(err)
	tenant := c.Session().Tenant().ID()
	w.ok(a.Jobs.Expire(ctx, tenant))
	objects := 0
	w.ok(a.Store.List(ctx, tenant.String()+"/jobs/", func(blob.Name, int64) error { objects++; return nil }))
	if objects != parts {
		w.Errorf("%d objects are left of jobs, want %d", objects, parts)
	}
	owner, err := a.Identity.Owner(ctx, c.Session(), mail.Address(stand.Reader))
	w.ok(err)
	var all, each int
	w.ok(c.Session().Tenant().QueryRow(ctx, `SELECT COUNT(*), COUNT(DISTINCT message) FROM seal_wrap WHERE tenant = $1 AND holder = $2`, owner.Holder.Bytes()).Scan(&all, &each))
	if all != messages || each != messages {
		w.Errorf("%d wraps for her of %d messages, want %d", all, each, messages)
	}
	if err := errors.Join(c.Verified(ctx), c.Opened(ctx)); err != nil {
		w.Error(err)
	}
	c.Close()
	w.ok(a.Close())
}
