package index_test

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// world is a data directory with messages.
type world struct {
	*app.App
	t    *testing.T
	dir  string
	ids  map[string]string // of messages by name
	stop func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "data"), ids: make(map[string]string)}
	if err := stand.New(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	return w
}

// deliver serves the directory, sends the messages and stops.
func (w *world) deliver(messages map[string]string) {
	w.t.Helper()
	_, stop := stand.Start(w.t, app.Options{Dir: w.dir})
	defer stop()
	c, err := stand.Dial(stand.Socket(w.dir))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, octets := range messages {
		octets = strings.ReplaceAll(octets, "\n", "\r\n")
		to := stand.Reader
		if strings.HasPrefix(name, "other") {
			to = "office@" + stand.Domain
		}
		r, err := c.Send(stand.Of([]byte(octets), "sender@elsewhere.example", to))
		if err != nil || !r.OK() {
			w.t.Fatalf("%s: %v, %v", name, r, err)
		}
		words := strings.Fields(r.Text)
		w.ids[words[len(words)-1]] = name
	}
	if err := c.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// open opens the directory and signs somebody in.
func (w *world) open(email string) (*app.App, *identity.Session) {
	w.t.Helper()
	a, err := stand.Open(w.t.Context(), app.Options{Dir: w.dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := a.Identity.SignIn(w.t.Context(), stand.Tenant, mail.Address(email), []byte(stand.Password))
	if err != nil {
		w.t.Fatal(err)
	}
	w.stop = func() {
		s.Close()
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}
	return a, s
}

// found returns the names of what a search finds, sorted.
func (w *world) found(a *app.App, s *identity.Session, q string) []string {
	w.t.Helper()
	r, err := a.Index.Search(w.t.Context(), s, index.Request{Text: q, Limit: 1000})
	if err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
	names := []string{}
	for _, h := range r.Hits {
		names = append(names, w.ids[h.ID.String()])
	}
	slices.Sort(names)
	if r.Total != len(names) || r.Pending != 0 || r.Damaged != 0 {
		w.t.Fatalf("%s: %+v", q, r)
	}
	return names
}

func messages() map[string]string {
	return map[string]string{
		"umlaut": "From: Jörg Müller <joerg@elsewhere.example>\nTo: reader@stand.example\nSubject: Straße nach Köln\n" +
			"Date: Mon, 5 Aug 2002 10:00:00 +0200\nContent-Type: text/plain; charset=utf-8\n\nDie große Lösung für Übermorgen.\n",
		"html": "From: a@b.example\nTo: reader@stand.example\nSubject: newsletter\nDate: Tue, 6 Aug 2002 10:00:00 +0200\n" +
			"Content-Type: text/html\n\n<html><style>hidden</style><b>Quarterly</b> figures<script>evil()</script></html>\n",
		"attachment": "From: a@b.example\nTo: reader@stand.example\nSubject: plans\nMIME-Version: 1.0\n" +
			"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nsee below\n--x\n" +
			"Content-Type: application/pdf; name=\"Grundriss-EG.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n--x--\n",
		"opaque": "From: a@b.example\nTo: reader@stand.example\nSubject: secret thing\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n" +
			"Content-Transfer-Encoding: base64\n\nMIAGCSqGSIb3DQEHA6CA\n",
		"other office": "From: a@b.example\nTo: office@stand.example\nSubject: Quarterly for the office\n\nnot for the reader\n",
		"other broken": "no header at all, just words like zebra\n",
	}
}

// BX-07, EX-04 (the operators of this issue).
func TestSearch(t *testing.T) {
	w := newWorld(t)
	w.deliver(messages())
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	for q, want := range map[string][]string{
		"müller":                         {"umlaut"},
		"mueller":                        {"umlaut"},
		"muller":                         {"umlaut"},
		"strasse":                        {"umlaut"},
		"straße":                         {"umlaut"},
		"STRASSE koeln":                  {"umlaut"},
		`"nach koln"`:                    {"umlaut"},
		`"koln nach"`:                    {},
		`"große losung fuer ubermor"`:    {},
		`"große losung fuer ubermor"*`:   {"umlaut"},
		`"große losung ubermorgen"`:      {},
		"lös*":                           {"umlaut"},
		"from:joerg":                     {"umlaut"},
		"to:joerg":                       {},
		"quarterly":                      {"html", "other office"},
		"body:quarterly":                 {"html"},
		"subject:quarterly":              {"other office"},
		"hidden":                         {},
		"evil":                           {},
		"filename:grundriss":             {"attachment"},
		"filename:grundriss-eg.pdf":      {"attachment"},
		"secret":                         {"opaque"},
		"zebra":                          {"other broken"},
		"before:2002-08-06":              {"umlaut"},
		"after:2002-08-06 before:2003":   {"html"},
		"after:2002 before:2003":         {"html", "umlaut"},
		"to:office@stand.example":        {"other office"},
		"from:a@b.example subject:plans": {"attachment"},
	} {
		if got := w.found(a, s, q); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", q, got, want)
		}
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "secret"})
	if err != nil || !r.Hits[0].Opaque {
		t.Errorf("encrypted mail is not marked: %+v, %v", r, err)
	}
}

// AU-26: a reader finds her own mail only, an administrator nothing; and a
// search is in the audit log with its hits, its words for keepers only.
func TestSearchIsForOwners(t *testing.T) {
	w := newWorld(t)
	w.deliver(messages())
	a, s := w.open(stand.Reader)
	if got := w.found(a, s, "after:1900"); !slices.Equal(got, []string{"attachment", "html", "opaque", "umlaut"}) {
		t.Errorf("the reader finds %q", got)
	}
	w.stop()
	a, s = w.open("admin@" + stand.Domain)
	if got := w.found(a, s, "after:1900"); len(got) != 0 {
		t.Errorf("the administrator finds %q", got)
	}
	notes := func() (searches int, words []string) {
		err := a.Identity.Audit(t.Context(), s, math.MaxInt64, func(e audit.Entry) error {
			if e.What == "search" {
				searches++
				words = append(words, e.Note)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return searches, words
	}
	if n, words := notes(); n != 2 || slices.Contains(words, "after:1900") {
		t.Errorf("the administrator sees %d searches, words %q", n, words)
	}
	w.stop()
	a, s = w.open(stand.Keeper)
	if n, words := notes(); n != 2 || words[0] != "after:1900" {
		t.Errorf("the keeper sees %d searches, words %q", n, words)
	}
	w.stop()
}

// A projection can be deleted at any time and comes back the same; what came in
// meanwhile is caught up.
func TestProjectionComesBack(t *testing.T) {
	w := newWorld(t)
	w.deliver(messages())
	a, s := w.open(stand.Keeper)
	before := w.found(a, s, "after:1900")
	w.stop()
	files, err := filepath.Glob(filepath.Join(w.dir, "index", "*", "*", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("projections: %q, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil || strings.HasPrefix(string(b), "SQLite format 3") || strings.Contains(string(b), "quarterly") {
		t.Fatalf("the projection is plain: %v", err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	a, s = w.open(stand.Keeper)
	if got := w.found(a, s, "after:1900"); !slices.Equal(got, before) {
		t.Errorf("after deleting: %q, before %q", got, before)
	}
	w.stop()
	w.deliver(map[string]string{"late": "Subject: latecomer\n\nx\n"})
	a, s = w.open(stand.Keeper)
	if got := w.found(a, s, "latecomer"); !slices.Equal(got, []string{"late"}) {
		t.Errorf("what came later: %q", got)
	}
	w.stop()
	// A damaged file is made again as well.
	files, _ = filepath.Glob(filepath.Join(w.dir, "index", "*", "*", "*.db"))
	if err := os.WriteFile(files[0], []byte(strings.Repeat("x", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, s = w.open(stand.Keeper)
	if got := len(w.found(a, s, "after:1900")); got != len(before)+1 {
		t.Errorf("after damage: %d hits", got)
	}
	w.stop()
}

// EX-04: queries agree with a naive scan over what the messages say.
func TestSearchAgreesWithScan(t *testing.T) {
	w := newWorld(t)
	vocabulary := strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda my")
	texts := make(map[string]string)
	list := make(map[string]string)
	for i := range 60 {
		var words []string
		for k := range 6 {
			words = append(words, vocabulary[(i*7+k*k*3+i/5)%len(vocabulary)])
		}
		name := fmt.Sprintf("n%02d", i)
		texts[name] = strings.Join(words, " ")
		list[name] = "Subject: " + name + "\n\n" + texts[name] + "\n"
	}
	w.deliver(list)
	a, s := w.open(stand.Keeper)
	defer w.stop()
	scan := func(match func(text string) bool) []string {
		names := []string{}
		for name, text := range texts {
			if match(" " + text + " ") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	for i, one := range vocabulary {
		other := vocabulary[(i+5)%len(vocabulary)]
		for q, match := range map[string]func(string) bool{
			one:                           func(t string) bool { return strings.Contains(t, " "+one+" ") },
			one + " " + other:             func(t string) bool { return strings.Contains(t, " "+one+" ") && strings.Contains(t, " "+other+" ") },
			`"` + one + " " + other + `"`: func(t string) bool { return strings.Contains(t, " "+one+" "+other+" ") },
			one[:2] + "*":                 func(t string) bool { return strings.Contains(t, " "+one[:2]) },
			one + " -" + other:            func(t string) bool { return strings.Contains(t, " "+one+" ") && !strings.Contains(t, " "+other+" ") },
			one + " OR " + other:          func(t string) bool { return strings.Contains(t, " "+one+" ") || strings.Contains(t, " "+other+" ") },
			"body:alpha " + one + " OR body:" + other + ` -"my beta"`: func(t string) bool {
				return strings.Contains(t, " alpha ") && (strings.Contains(t, " "+one+" ") || strings.Contains(t, " "+other+" ")) && !strings.Contains(t, " my beta ")
			},
		} {
			if got, want := w.found(a, s, q), scan(match); !slices.Equal(got, want) {
				t.Errorf("%s: found %q, the scan %q", q, got, want)
			}
		}
	}
}

// BX-07: who does not want to wait for the index is told what is missing; the rest is
// caught up by the next search, and a message is in the index once.
func TestPatience(t *testing.T) {
	if testing.Short() {
		t.Skip("takes in a thousand messages")
	}
	w := newWorld(t)
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	stop := w.commit(a)
	const n = 1100
	var next atomic.Int64
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if _, err := stand.Put(t.Context(), a, time.Now(), fmt.Appendf(nil, "Subject: number %d\r\n\r\nblue\r\n", i), stand.Reader); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	stop()
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "blue", Wait: index.Wait{Patience: time.Nanosecond}})
	if err != nil || r.Total != 1000 || r.Indexed != 1000 || r.Pending != n-1000 {
		t.Errorf("impatient: total %d, %+v, %v", r.Total, r.Lag, err)
	}
	var heard []int64
	lag, err := a.Index.CatchUp(t.Context(), s, index.Wait{Progress: func(done, total int64) { heard = append(heard, done, total) }})
	if err != nil || lag != (index.Lag{Indexed: n}) || !slices.Equal(heard, []int64{n - 1000, n - 1000}) {
		t.Errorf("caught up: %+v, %v, heard %v", lag, err, heard)
	}
	r, err = a.Index.Search(t.Context(), s, index.Request{Text: "blue", Wait: index.Wait{Patience: time.Nanosecond}})
	if err != nil || r.Total != n || r.Pending != 0 {
		t.Errorf("afterwards: total %d, %+v, %v", r.Total, r.Lag, err)
	}
}
