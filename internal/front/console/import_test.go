package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/flow/ingest"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
	"siegel/internal/proto/frame"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/seal/master"
)

// sink is a path that keeps everything and an archive that knows nothing.
type sink struct{ kept atomic.Int64 }

func (s *sink) Incoming(_ context.Context, p *flow.Passage) error {
	s.kept.Add(1)
	p.Receipt.Message = p.ID
	return nil
}

// Count and Refuse are those of the tally, which nobody asks here.
func (*sink) Count(context.Context, *db.Tx, []flow.Counted) error { return nil }

func (*sink) Refuse(context.Context, *db.Tx, string, mail.Refusal, int64) error { return nil }

func (*sink) Known(context.Context, *flow.Passage) (mail.ID, bool, error) {
	return mail.ID{}, false, nil
}

func (*sink) Record(context.Context, db.Tenant, mail.HolderID, audit.Event) error {
	return nil
}
func (*sink) New() flow.Sheet { return new(paper) }

type paper struct{ bytes.Buffer }

func (p *paper) Close() error             { return nil }
func (p *paper) Body() (flow.Body, error) { return octets(p.Bytes()), nil }

type octets []byte

func (o octets) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o)), nil }
func (o octets) Size() int64                  { return int64(len(o)) }
func (o octets) SHA256() [32]byte             { return sha256.Sum256(o) }

// newIngest returns a room that takes messages of at most 100 octets.
func newIngest(t testing.TB, s *sink) (*ingest.Room, db.Tenant) {
	t.Helper()
	d, err := dbtest.New(t).Open(context.Background())
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	check(t, d.Migrate(context.Background(), "ingest", ingest.Migrations()))
	path := filepath.Join(t.TempDir(), "master.key")
	check(t, master.Create(path))
	held, err := master.Open(path, secret.NewArena(8))
	check(t, err)
	return ingest.New(ingest.Deps{
		DB: d, Path: s, Known: s, Keys: held, Trail: s, Count: s, Spool: s, Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxSize: 100,
	}), d.Tenant(mail.NewID())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// brought reads a stream of items into a job and returns what became of it.
func brought(t testing.TB, room *ingest.Room, tenant db.Tenant, stream []byte) (counts ingest.Counts, told int, whole bool, err error) {
	t.Helper()
	c := &Console{texts: text.New(), stopping: make(chan struct{})}
	w := httptest.NewRecorder()
	i := &importCall{console: c, w: w, control: http.NewResponseController(w), lang: text.English}
	job, err := room.Begin(context.Background(), ingest.Start{
		Tenant: tenant, Paths: []string{mail.NewID().String()}, Tell: i.tell, May: func(context.Context) error { return nil },
	})
	check(t, err)
	whole, err = i.items(job, frame.NewReader(bytes.NewReader(stream)))
	counts, ended := job.End(context.Background(), whole)
	check(t, ended)
	return counts, strings.Count(w.Body.String(), `"outcome"`), whole, err
}

type part struct {
	kind frame.Kind
	data string
}

func frames(t testing.TB, list ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := frame.NewWriter(&b)
	for _, p := range list {
		check(t, w.Write(p.kind, []byte(p.data)))
	}
	check(t, w.Flush())
	return b.Bytes()
}

// What is whole is taken, what is too large or was given up is refused, and what stands
// where it may not, or breaks off, ends the import.
func TestImportStream(t *testing.T) {
	s := new(sink)
	room, tenant := newIngest(t, s)
	message := []part{{frame.Message, ""}, {frame.Data, "x"}, {frame.Data, "y"}, {frame.End, "1"}}
	large := []part{{frame.Message, ""}, {frame.Data, strings.Repeat("x", 99)}, {frame.Data, "12"}, {frame.Data, strings.Repeat("x", 1000)}, {frame.End, "1"}}
	drop := []part{{frame.Message, ""}, {frame.Data, "x"}, {frame.Drop, "1"}}
	skip, finish := part{frame.Skip, "1"}, part{frame.Finish, ""}
	for name, tt := range map[string]struct {
		stream []byte
		counts ingest.Counts
		whole  bool
	}{
		"nothing":        {frames(t, finish), ingest.Counts{}, true},
		"messages":       {frames(t, append(append(message, message...), finish)...), ingest.Counts{Accepted: 2, Octets: 4}, true},
		"no octets":      {frames(t, part{frame.Message, ""}, part{frame.End, "1"}, finish), ingest.Counts{Accepted: 1}, true},
		"too large":      {frames(t, append(append(large, message...), finish)...), ingest.Counts{Accepted: 1, Refused: 1, Octets: 2}, true},
		"given up":       {frames(t, append(append(drop, skip), finish)...), ingest.Counts{Refused: 2}, true},
		"no end":         {frames(t, message...), ingest.Counts{Accepted: 1, Octets: 2}, false},
		"no end of one":  {frames(t, message[:3]...), ingest.Counts{}, false},
		"out of place":   {frames(t, part{frame.Data, "x"}), ingest.Counts{}, false},
		"two beginnings": {frames(t, part{frame.Message, ""}, part{frame.Message, ""}), ingest.Counts{}, false},
		"a long cursor":  {frames(t, part{frame.Skip, strings.Repeat("x", 10_000)}), ingest.Counts{}, false},
	} {
		counts, told, whole, err := brought(t, room, tenant, tt.stream)
		if counts != tt.counts || whole != tt.whole || (err == nil) != tt.whole || err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %+v, whole %v, %v", name, counts, whole, err)
		}
		if int64(told) != counts.Accepted+counts.Refused {
			t.Errorf("%s: %d were told of %+v", name, told, counts)
		}
	}
}

// Whatever a command sends, the import ends, and everything that is counted was told.
func FuzzImportStream(f *testing.F) {
	s := new(sink)
	room, tenant := newIngest(f, s)
	f.Add(frames(f, part{frame.Message, ""}, part{frame.Data, "x"}, part{frame.End, "1"}, part{frame.Skip, "2"}, part{frame.Finish, ""}))
	f.Add(frames(f, part{frame.Message, ""}, part{frame.Drop, "1"}, part{frame.Message, ""}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		counts, told, _, _ := brought(t, room, tenant, stream)
		if int64(told) != counts.Accepted+counts.Refused || counts.Octets > int64(len(stream)) {
			t.Errorf("%d were told of %+v", told, counts)
		}
	})
}
