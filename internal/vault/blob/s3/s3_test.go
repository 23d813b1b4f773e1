package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/blob/s3"
)

// config is of an empty bucket.
func config(t testing.TB) s3.Config {
	t.Helper()
	server := blobtest.S3(t)
	return s3.Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t), Access: server.Access, Secret: server.Secret, Plain: true}
}

func open(t testing.TB, c s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Driver { return open(t, config(t)) })
}

// outcome of a request that goes through the proxy.
type outcome int32

const (
	through outcome = iota
	refused         // 503, nothing happened
	broken          // the connection ends, nothing happened
	lost            // it happened, and the connection ends before the answer
	slow            // it happened, and the answer is 503
)

// proxy stands between the driver and the store and harms the writes that come
// next.
type proxy struct {
	to   http.Handler
	next chan outcome // of the next PUTs; then through
	puts atomic.Int64
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := through
	if r.Method == http.MethodPut {
		p.puts.Add(1)
		select {
		case o = <-p.next:
		default:
		}
	}
	switch o {
	case refused:
		http.Error(w, "SlowDown", http.StatusServiceUnavailable)
	case broken:
		panic(http.ErrAbortHandler)
	case lost:
		p.to.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case slow:
		p.to.ServeHTTP(httptest.NewRecorder(), r)
		http.Error(w, "InternalError", http.StatusInternalServerError)
	default:
		p.to.ServeHTTP(w, r)
	}
}

// behind returns a store behind a proxy.
func behind(t *testing.T) (*s3.Store, *proxy) {
	t.Helper()
	c := config(t)
	to, err := url.Parse("http://" + c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// The host is signed: it stays the one that the client said.
	p := &proxy{to: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}, next: make(chan outcome, 10)}
	front := httptest.NewServer(p)
	t.Cleanup(front.Close)
	c.Endpoint = strings.TrimPrefix(front.URL, "http://")
	return open(t, c), p
}

func content(t *testing.T, s *s3.Store, n blob.Name) string {
	t.Helper()
	r, err := s.Get(t.Context(), n, 0, -1)
	if fault.Of(err) == fault.NotFound {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A write that the store refused, or whose answer got lost, is repeated where it
// can be, and is not taken for somebody else's.
func TestLostAnswers(t *testing.T) {
	for _, harm := range []outcome{refused, broken, lost, slow} {
		t.Run(fmt.Sprint(harm), func(t *testing.T) {
			s, p := behind(t)
			p.next <- harm
			if err := s.Put(t.Context(), "tenant/a", strings.NewReader("value"), 5); err != nil {
				t.Errorf("put: %v", err)
			}
			p.next <- harm
			if err := s.Swap(t.Context(), "tenant/register", nil, []byte("1")); err != nil {
				t.Errorf("swap: %v", err)
			}
			p.next <- harm
			if err := s.Swap(t.Context(), "tenant/register", []byte("1"), []byte("2")); err != nil {
				t.Errorf("second swap: %v", err)
			}
			if a, b := content(t, s, "tenant/a"), content(t, s, "tenant/register"); a != "value" || b != "2" {
				t.Errorf("%q and %q are there", a, b)
			}
			// What cannot be read twice is tried once, and the object is there or not.
			p.next <- harm
			before := p.puts.Load()
			if err := s.Put(t.Context(), "tenant/b", io.MultiReader(strings.NewReader("value")), 5); fault.Of(err) != fault.Busy {
				t.Errorf("put of a stream: %v", err)
			}
			if n := p.puts.Load() - before; n != 1 {
				t.Errorf("%d tries of a stream", n)
			}
			if got, want := content(t, s, "tenant/b"), map[outcome]string{refused: "nothing", broken: "nothing", lost: "value", slow: "value"}[harm]; got != want {
				t.Errorf("of a stream %q is there, want %q", got, want)
			}
		})
	}
}

// An answer that got lost does not make somebody else's object ours.
func TestLostAndOther(t *testing.T) {
	s, p := behind(t)
	if err := s.Put(t.Context(), "tenant/a", strings.NewReader("theirs"), 6); err != nil {
		t.Fatal(err)
	}
	p.next <- lost
	if err := s.Put(t.Context(), "tenant/a", strings.NewReader("value!"), 6); fault.Of(err) != fault.Conflict {
		t.Errorf("put: %v", err)
	}
	if got := content(t, s, "tenant/a"); got != "theirs" {
		t.Errorf("%q is there", got)
	}
}

// A store that stays away is busy, after a few tries.
func TestAway(t *testing.T) {
	s, p := behind(t)
	for range 10 {
		p.next <- refused
	}
	if err := s.Put(t.Context(), "tenant/a", strings.NewReader("x"), 1); fault.Of(err) != fault.Busy {
		t.Errorf("put: %v", err)
	}
	if err := s.Swap(t.Context(), "tenant/b", nil, []byte("x")); fault.Of(err) != fault.Busy {
		t.Errorf("swap: %v", err)
	}
}

// careless is a store that knows the conditions of one kind only.
type careless struct {
	keeps string // the header that it heeds

	mu      sync.Mutex
	objects map[string]string // guarded by mu
}

func (c *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, there := c.objects[r.URL.Path]
	tag := fmt.Sprintf("%x", md5.Sum([]byte(value)))
	switch r.Method {
	case http.MethodPut:
		none, is := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
		if (c.keeps == "If-None-Match" && none == "*" && there) || (c.keeps == "If-Match" && is != "" && strings.Trim(is, `"`) != tag) {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		b, _ := io.ReadAll(r.Body)
		c.objects[r.URL.Path] = string(b)
	case http.MethodDelete:
		delete(c.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodHead: // the bucket
	default:
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"`+tag+`"`)
		w.Header().Set("Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT")
		_, _ = io.WriteString(w, value)
	}
}

// A store that ignores conditions is refused: it would overwrite.
func TestIgnoresConditions(t *testing.T) {
	for _, keeps := range []string{"", "If-None-Match", "If-Match"} {
		front := httptest.NewServer(&careless{keeps: keeps, objects: make(map[string]string)})
		defer front.Close()
		_, err := s3.Open(t.Context(), s3.Config{Endpoint: strings.TrimPrefix(front.URL, "http://"), Bucket: "bucket", Access: "a", Secret: "s", Plain: true})
		if err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("that keeps %q: %v", keeps, err)
		}
	}
}

// What is wrong with a configuration has its kind, and no error shows a secret, a
// key or a host.
func TestOpen(t *testing.T) {
	good := config(t)
	for what, c := range map[string]struct {
		change func(*s3.Config)
		want   fault.Kind
		says   string // to whoever starts the server
	}{
		"no bucket":       {func(c *s3.Config) { c.Bucket = "canary-missing" }, fault.NotFound, "no such bucket"},
		"another secret":  {func(c *s3.Config) { c.Secret = "canary" }, fault.Internal, "refuses access"},
		"another key":     {func(c *s3.Config) { c.Access = "canary" }, fault.Internal, "refuses the access key"},
		"nobody listens":  {func(c *s3.Config) { c.Endpoint = "127.0.0.1:1" }, fault.Busy, "the object store 127.0.0.1:1 cannot be reached: nothing listens there"},
		"nobody there":    {func(c *s3.Config) { c.Endpoint, c.Plain = "canary.invalid:9000", false }, fault.Busy, "the object store canary.invalid:9000 cannot be reached: its name is not known"},
		"plain elsewhere": {func(c *s3.Config) { c.Endpoint = "canary.example" }, fault.Invalid, "needs TLS"},
		"no address":      {func(c *s3.Config) { c.Endpoint = "http://canary.example/x"; c.Plain = false }, fault.Invalid, "is not a host"},
		"no TLS there":    {func(c *s3.Config) { c.Plain = false }, fault.Busy, good.Endpoint + " answers without TLS"},
		"a stranger":      {func(c *s3.Config) { c.Endpoint, c.Plain = stranger(t), false }, fault.Busy, "is not trusted here"},
	} {
		one := good
		c.change(&one)
		_, err := s3.Open(t.Context(), one)
		if err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: %v, want kind %v", what, err, c.want)
		}
		if said, args := fault.Sentence(err); !strings.Contains(fmt.Sprintf(said, args...), c.says) {
			t.Errorf("%s: an operator reads %q, want %q", what, fmt.Sprintf(said, args...), c.says)
		}
		text := fmt.Sprintf("%+v", err)
		for u := err; u != nil; u = errors.Unwrap(u) {
			text += fmt.Sprintf("%+v", u)
		}
		for _, s := range []string{"canary", "127.0.0.1", "url.Error", good.Access, good.Secret} {
			if strings.Contains(text, s) {
				t.Errorf("%s: the error shows %q: %s", what, s, text)
			}
		}
	}
}

// stranger returns where a store listens whose certificate nobody knows.
func stranger(t *testing.T) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// What a store refuses is said as what it is, so that its keeper knows where to look.
func TestRefusals(t *testing.T) {
	c := config(t)
	to, err := url.Parse("http://" + c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	type refusal struct {
		status int
		code   string
	}
	var says atomic.Pointer[refusal] // nil: as the store says
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := says.Load(); a != nil {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(a.status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>canary</Message></Error>", a.code)
			return
		}
		through.ServeHTTP(w, r)
	}))
	defer front.Close()
	c.Endpoint = strings.TrimPrefix(front.URL, "http://")
	s := open(t, c)
	for answer, want := range map[refusal]struct {
		kind fault.Kind
		text string
	}{
		{404, "NoSuchKey"}:                    {fault.NotFound, "there is no such object"},
		{404, "NoSuchBucket"}:                 {fault.Internal, "the object store has no such bucket"},
		{403, "InvalidAccessKeyId"}:           {fault.Internal, "refuses the access key"},
		{404, "XAdminUserNotFound"}:           {fault.Internal, "refuses the access key"},
		{403, "SignatureDoesNotMatch"}:        {fault.Internal, "refuses access"},
		{403, "AccessDenied"}:                 {fault.Internal, "refuses access"},
		{403, "RequestTimeTooSkewed"}:         {fault.Internal, "the clock of this machine"},
		{403, "QuotaExceeded"}:                {fault.Exhausted, "is full"},
		{400, "AuthorizationHeaderMalformed"}: {fault.Internal, "objects.s3.region"},
		{400, "InvalidArgument"}:              {fault.Internal, "cannot be used"},
	} {
		says.Store(&answer)
		r, err := s.Get(t.Context(), "a/b", 0, -1)
		if err == nil {
			_, err = io.ReadAll(r)
			_ = r.Close()
		}
		if fault.Of(err) != want.kind || !strings.Contains(fmt.Sprint(err), want.text) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%v: %v, want kind %v and %q", answer, err, want.kind, want.text)
		}
	}
}

// A large object takes little memory and comes back whole; one whose sender goes
// leaves nothing.
func TestLarge(t *testing.T) {
	s := open(t, config(t))
	const size = 40 << 20
	if err := s.Put(t.Context(), "tenant/large", io.LimitReader(pattern{}, size), size); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(t.Context(), "tenant/large", size-100, 100)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{7}, 100)) {
		t.Errorf("%d octets, %v", len(b), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Put(ctx, "tenant/gone", io.LimitReader(io.MultiReader(io.LimitReader(pattern{}, size/2), leaver{cancel}), size), size)
	if err == nil {
		t.Error("a put whose sender went succeeded")
	}
	// Most stores have nothing of it. The one of this test now and then keeps what came before a
	// connection broke: nobody takes that for the whole, and nothing is put in its place.
	r, err = s.Get(t.Context(), "tenant/gone", 0, size)
	if err == nil {
		err = r.Close()
		t.Errorf("half of it is read as the whole, closed with %v", err)
	} else if kind := fault.Of(err); kind != fault.NotFound && kind != fault.Damaged {
		t.Errorf("half of it: %v", err)
	}
	n, err := s.Size(t.Context(), "tenant/gone")
	if fault.Of(err) != fault.NotFound && (err != nil || n >= size) {
		t.Errorf("%d octets of it, %v", n, err)
	}
}

type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}

// leaver is a sender who goes: what would follow is never there to be stored.
type leaver struct{ leave func() }

func (l leaver) Read([]byte) (int, error) { l.leave(); return 0, context.Canceled }
