package bench_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/textfold"
	"siegel/test/stand"
)

// searchSize, when set in the environment, is how many messages BenchmarkSearch takes
// in; without it, a million.
const searchSize = "SIEGEL_BENCH_SEARCH"

// What BenchmarkSearch does.
const (
	searchMonths = 24
	searches     = 1000
	searchPage   = 25
)

// BenchmarkSearch takes in mail that is made of the real corpus, spread over two
// years, catches a keeper's index up and asks 1,000 fixed searches of two words, each
// with a page of hits and their excerpts (BX-07). Then it asks for pages as a browser does,
// and says what an open session costs. SIEGEL_BENCH_PROFILE writes a CPU
// profile of catching up and searching.
func BenchmarkSearch(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv(searchSize); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	b.Log(machine())
	w := &writer{corpus: cutCorpus(corpus(b))}
	for b.Loop() {
		searchOnce(b, w, n)
	}
}

// parts of a message of the corpus.
type parts struct {
	head  []byte // without Message-ID and Date
	lines [][]byte
	plain bool // they are text, of which single lines can be replaced
}

// writer makes messages.
type writer struct{ corpus []parts }

func cutCorpus(list [][]byte) (out []parts) {
	for _, m := range list {
		head, body, _ := bytes.Cut(m, []byte("\r\n\r\n"))
		var kept [][]byte
		drop := false
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if len(line) > 0 && line[0] != ' ' && line[0] != '\t' {
				name, _, _ := bytes.Cut(bytes.ToLower(line), []byte(":"))
				drop = slices.Contains([]string{"message-id", "date", "references", "in-reply-to"}, string(name))
			}
			if !drop {
				kept = append(kept, line)
			}
		}
		lower := bytes.ToLower(head)
		coded := slices.ContainsFunc([]string{"multipart/", "html", "base64"}, func(s string) bool { return bytes.Contains(lower, []byte(s)) })
		out = append(out, parts{bytes.Join(kept, []byte("\r\n")), bytes.SplitAfter(body, []byte("\n")), !coded})
	}
	return out
}

// message returns message number i: one of the corpus, of which every eighth line is
// one of another where both are plain text. Every fourth answers an earlier one.
func (w *writer) message(i int, sent time.Time) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	var b bytes.Buffer
	from := w.corpus[r.IntN(len(w.corpus))]
	b.Write(from.head)
	fmt.Fprintf(&b, "\r\nDate: %s\r\nMessage-ID: <%d@bench.example>\r\n", sent.Format(time.RFC1123Z), i)
	if i%4 == 3 {
		fmt.Fprintf(&b, "References: <%d@bench.example>\r\n", i-1-r.IntN(min(i, 200)))
	}
	b.WriteString("\r\n")
	for _, line := range from.lines {
		if from.plain && r.IntN(8) == 0 {
			if other := w.corpus[r.IntN(len(w.corpus))]; other.plain {
				line = other.lines[r.IntN(len(other.lines))]
			}
		}
		b.Write(line)
	}
	return b.Bytes()
}

// at is when message number i of n arrives.
func at(i, n int) time.Time {
	start := time.Date(2024, 12, 1, 0, 0, 0, 0, time.UTC)
	return start.Add(time.Duration(float64(i) / float64(n) * float64(start.AddDate(0, searchMonths, 0).Sub(start))))
}

func searchOnce(b *testing.B, w *writer, n int) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	dir := filepath.Join(b.TempDir(), "data")
	check(stand.New(b.Context(), dir))
	a, err := stand.Open(b.Context(), app.Options{Dir: dir, Log: stand.Log(), Change: stand.Browsers})
	check(err)
	start := time.Now()
	raw, median, err := w.pour(b.Context(), a, n)
	check(err)
	b.Logf("%d messages of %d octets (median %d) taken in, %.0f/s", n, raw/int64(n), median, float64(n)/time.Since(start).Seconds())
	s, err := stand.SignIn(b.Context(), a)
	check(err)
	stop := profiled(b)
	start = time.Now()
	lag, err := a.Index.CatchUp(b.Context(), s, index.Wait{})
	check(err)
	caught := time.Since(start)
	if lag.Indexed != int64(n) || lag.Pending+lag.Damaged+lag.Former > 0 {
		b.Fatalf("%+v of %d", lag, n)
	}
	size := folder(b, a.Index.Dir)
	b.StartTimer()
	took := w.search(b, a, s, n)
	b.StopTimer()
	stop()
	slices.Sort(took)
	b.Logf("p50 %v, p90 %v, p99 %v, worst %v; index %.1f %% of the text; caught up %.0f messages/s",
		took[len(took)/2], took[len(took)*9/10], took[len(took)*99/100], took[len(took)-1], 100*float64(size)/float64(raw), float64(n)/caught.Seconds())
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "worst-ms")
	b.ReportMetric(100*float64(size)/float64(raw), "index-%")
	b.ReportMetric(float64(n)/caught.Seconds(), "caught-up/s")
	s.Close()
	pages(b, a)
	check(a.Close())
	b.StartTimer()
}

// profiled writes a CPU profile until it is stopped, where one is asked for.
func profiled(b *testing.B) (stop func()) {
	b.Helper()
	path := os.Getenv("SIEGEL_BENCH_PROFILE")
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		b.Fatal(err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}
}

// pour takes n messages in, and returns their octets and the median size.
func (w *writer) pour(ctx context.Context, a *app.App, n int) (octets int64, median int, err error) {
	stop := stand.Committing(ctx, a)
	var (
		next  atomic.Int64
		sum   atomic.Int64
		mu    sync.Mutex
		first error // guarded by mu
		wait  sync.WaitGroup
	)
	sizes := make([]int, n)
	for range connections {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				arrived := at(i, n)
				m := w.message(i, arrived.Add(-time.Minute))
				sizes[i] = len(m)
				sum.Add(int64(len(m)))
				if _, err := stand.Put(ctx, a, arrived, m, stand.Reader); err != nil {
					mu.Lock()
					first = cmp.Or(first, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wait.Wait()
	slices.Sort(sizes)
	return sum.Load(), sizes[n/2], cmp.Or(first, stop())
}

// folder returns the octets of a folder's files.
func folder(b *testing.B, dir string) (octets int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		octets += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return octets
}

// search asks the searches, after one that opens the files, and returns how long each
// took.
func (w *writer) search(b *testing.B, a *app.App, s *identity.Session, n int) (took []time.Duration) {
	b.Helper()
	list := w.queries(b, n)
	hits := 0
	for i, q := range append([]string{"warm up"}, list...) {
		r, err := a.Index.Search(b.Context(), s, index.Request{Text: q, Limit: searchPage, Excerpts: true})
		if err != nil {
			b.Fatalf("%s: %v", q, err)
		}
		if i > 0 {
			took = append(took, r.Took)
			hits += r.Total
		}
	}
	b.Logf("%d hits a search", hits/len(list))
	return took
}

// queries returns searches of two words that some message has, of each pair of deciles
// of the vocabulary by the number of messages that have a word.
func (w *writer) queries(b *testing.B, n int) (list []string) {
	b.Helper()
	const sample = 4000
	var texts [][]string
	count := make(map[string]int)
	for i := range min(sample, n) {
		m, err := mime.Read(bytes.NewReader(w.message(i*(n/min(sample, n)), at(i, n))), mime.Limits{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		main, _ := textfold.Words(m.Text())
		words := strings.Fields(main)
		slices.Sort(words)
		words = slices.Compact(words)
		for _, w := range words {
			count[w]++
		}
		texts = append(texts, words)
	}
	ranked := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	decile := make(map[string]int)
	for i, w := range ranked {
		decile[w] = i * 10 / len(ranked)
	}
	r := rand.New(rand.NewPCG(3, 5))
	for i := range searches {
		list = append(list, pair(r, texts, decile, i%10, i/10%10))
	}
	return list
}

// pair returns two words of two deciles that a message has, or of any message where
// none has both.
func pair(r *rand.Rand, texts [][]string, decile map[string]int, one, other int) string {
	pick := func(words []string, d int) string {
		var some []string
		for _, w := range words {
			if decile[w] == d {
				some = append(some, w)
			}
		}
		if len(some) == 0 {
			return ""
		}
		return some[r.IntN(len(some))]
	}
	a, c := "", ""
	for range 1000 {
		words := texts[r.IntN(len(texts))]
		a, c = cmp.Or(pick(words, one), a), cmp.Or(pick(words, other), c)
		if x, y := pick(words, one), pick(words, other); x != "" && y != "" && x != y {
			return `"` + x + `" "` + y + `"`
		}
	}
	return `"` + a + `" "` + c + `"`
}
