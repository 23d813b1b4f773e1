// Package s3 keeps objects in a bucket of an S3-compatible store that any number
// of nodes share.
//
// Nothing is overwritten: an object is put on condition that none is there
// (If-None-Match), a value is replaced on condition that it is the one that was
// read (If-Match). Open refuses a store that does not keep to these conditions. How
// durable an acknowledged object is, is the store's promise.
package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
)

// Bounds of requests.
const (
	maxValue    = 1 << 20          // octets of a value of the register
	answerTime  = 30 * time.Second // for the store to begin its answer
	connectTime = 10 * time.Second
	tries       = 4                      // of a request that can be repeated
	firstPause  = 100 * time.Millisecond // before the second try; doubles
)

// Config says where the bucket is. The secret is never part of an error.
type Config struct {
	Endpoint string // host or host:port
	Bucket   string // exists
	Region   string // empty: us-east-1
	Access   string
	Secret   string
	Plain    bool           // without TLS; loopback only
	Roots    *x509.CertPool // that sign the store's certificate; nil: the system's
}

// Store is a bucket. Several processes may use it.
type Store struct {
	core   minio.Core
	bucket string
}

// Interfaces that Store has.
var (
	_ blob.Store    = (*Store)(nil)
	_ blob.Register = (*Store)(nil)
	_ blob.Lister   = (*Store)(nil)
)

// Open returns the store in a bucket. It fails with kind Invalid where the
// configuration cannot be right or the store ignores conditions, with kind
// NotFound where there is no such bucket, and with kind Busy where the store cannot
// be reached.
func Open(ctx context.Context, c Config) (_ *Store, err error) {
	defer fault.Wrap(&err, "object store")
	if c.Plain && !loopback(c.Endpoint) {
		return nil, fault.New(fault.Invalid, "the object store is on another machine and needs TLS")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(c.Access, c.Secret, ""), Secure: !c.Plain, Region: c.Region,
		BucketLookup: minio.BucketLookupAuto, MaxRetries: 1, // what may be repeated is ours to know
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: connectTime}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: answerTime,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "the address of the object store is not a host, or a host and a port")
	}
	s := &Store{core: minio.Core{Client: client}, bucket: c.Bucket}
	there, err := client.BucketExists(ctx, c.Bucket)
	if err != nil {
		return nil, Explain(c.Endpoint, classify(err))
	}
	if !there {
		return nil, s.absent(ctx)
	}
	return s, Explain(c.Endpoint, s.conditions(ctx))
}

// absent says why a store has no such bucket: an answer to HEAD has no words, and
// there are stores that answer so to an access key that they do not know.
func (s *Store) absent(ctx context.Context) error {
	absent := fault.New(fault.NotFound, "the object store has no such bucket; make it first")
	_, err := s.core.ListObjectsV2(s.bucket, "", "", "", "", 1)
	if r := minio.ToErrorResponse(err); err == nil || r.Code == minio.NoSuchBucket || ctx.Err() != nil {
		return absent
	}
	return classify(err)
}

// loopback reports whether an endpoint is this machine.
func loopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		host = endpoint
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// conditions fails with kind Invalid where the store takes a write whose
// condition does not hold: it would overwrite packs and let a log fork.
func (s *Store) conditions(ctx context.Context) error {
	n := blob.Name("probe/" + strings.ToLower(rand.Text()))
	if err := s.Swap(ctx, n, nil, []byte("1")); err != nil {
		return err
	}
	first := s.put(ctx, n, strings.NewReader("2"), 1, ifNone)
	second := s.put(ctx, n, strings.NewReader("2"), 1, ifIs("00000000000000000000000000000000"))
	if err := s.Delete(ctx, n); err != nil {
		return err
	}
	for _, err := range []error{first, second} {
		if err == nil {
			return fault.New(fault.Invalid, "this object store ignores If-None-Match or If-Match, so it could overwrite what must stay; use another one")
		}
		if fault.Of(err) != fault.Conflict {
			return err
		}
	}
	return nil
}

// condition of a write.
type condition func(*minio.PutObjectOptions)

// ifNone: nothing is there.
func ifNone(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") }

// ifIs: what is there bears the tag.
func ifIs(tag string) condition {
	return func(o *minio.PutObjectOptions) { o.SetMatchETag(tag) }
}

// Put implements [blob.Store]. Where r can seek, a try whose answer got lost is
// repeated, and an object that is there then is compared with r.
func (s *Store) Put(ctx context.Context, n blob.Name, r io.Reader, size int64) (err error) {
	defer fault.Wrap(&err, "put")
	if err := n.Check(); err != nil {
		return err
	}
	again, ok := r.(io.ReadSeeker)
	if !ok {
		return s.put(ctx, n, r, size, ifNone)
	}
	begin, err := again.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	lost := false
	return s.try(ctx, func() error {
		if _, err := again.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		err := s.put(ctx, n, again, size, ifNone)
		if fault.Of(err) == fault.Conflict && lost {
			return s.same(ctx, n, again, begin, size)
		}
		lost = lost || fault.Of(err) == fault.Busy
		return err
	})
}

// same fails with kind Conflict where the object is not what r has.
func (s *Store) same(ctx context.Context, n blob.Name, r io.ReadSeeker, begin, size int64) (err error) {
	if _, err := r.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	there, err := s.Get(ctx, n, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, there.Close()) }()
	ours, theirs := sha256.New(), sha256.New()
	_, errOurs := io.CopyN(ours, r, size)
	got, errTheirs := io.Copy(theirs, there)
	if err := errors.Join(errOurs, errTheirs); err != nil {
		return err
	}
	if got != size || !bytes.Equal(ours.Sum(nil), theirs.Sum(nil)) {
		return fault.New(fault.Conflict, "the object exists")
	}
	return nil
}

// try does something until it succeeds or fails for good, a few times.
func (s *Store) try(ctx context.Context, do func() error) error {
	for n, pause := 1, firstPause; ; n, pause = n+1, 2*pause {
		err := do()
		if err == nil || n == tries || fault.Of(err) != fault.Busy {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// put writes an object once, on a condition.
func (s *Store) put(ctx context.Context, n blob.Name, r io.Reader, size int64, c condition) error {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true, DisableContentSha256: true}
	c(&o)
	src := &exact{r: r, left: size}
	_, err := s.core.Client.PutObject(ctx, s.bucket, string(n), src, size, o)
	if src.err != nil {
		return src.err // it is why the store got less than was announced
	}
	return classify(err)
}

// exact reads just the octets that were announced. It hands out the last ones
// after it has seen the end, so that what is longer is never stored.
type exact struct {
	r    io.Reader
	left int64
	err  error // of the source
}

func (e *exact) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if e.left == 0 && len(p) > 0 {
		return 0, e.end()
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case e.left == 0:
		if end := e.end(); !errors.Is(end, io.EOF) {
			return 0, end
		}
		return n, nil
	case errors.Is(err, io.EOF):
		e.err = io.ErrUnexpectedEOF
	case err != nil:
		e.err = err
	}
	return n, e.err
}

// end returns io.EOF where the source has ended too.
func (e *exact) end() error {
	var one [1]byte
	n, err := io.ReadFull(e.r, one[:])
	switch {
	case n > 0:
		e.err = errors.New("s3: more octets came than were announced")
	case !errors.Is(err, io.EOF):
		e.err = err
	default:
		return io.EOF
	}
	return e.err
}

// Get implements [blob.Store].
func (s *Store) Get(ctx context.Context, n blob.Name, offset, length int64) (_ io.ReadCloser, err error) {
	defer fault.Wrap(&err, "get")
	if err := n.Check(); err != nil {
		return nil, err
	}
	shorter := fault.New(fault.Damaged, "a stored object is shorter than it should be")
	if offset < 0 {
		return nil, shorter
	}
	if length == 0 || (length < 0 && offset > 0) { // what a range cannot say
		size, err := s.Size(ctx, n)
		switch {
		case err != nil:
			return nil, err
		case offset > size:
			return nil, shorter
		case length == 0 || offset == size:
			return io.NopCloser(strings.NewReader("")), nil
		}
		length = size - offset
	}
	var o minio.GetObjectOptions
	if length > 0 {
		if err := o.SetRange(offset, offset+length-1); err != nil {
			return nil, err
		}
	}
	var body io.ReadCloser
	var info minio.ObjectInfo
	err = s.try(ctx, func() (err error) {
		body, info, _, err = s.core.GetObject(ctx, s.bucket, string(n), o)
		return classify(err)
	})
	switch {
	case fault.Of(err) == fault.Damaged: // a range behind the end
		return nil, shorter
	case err != nil:
		return nil, err
	case length > 0 && info.Size != length:
		return nil, errors.Join(shorter, body.Close())
	}
	return kinds{body}, nil
}

// kinds gives errors of the connection a kind.
type kinds struct{ io.ReadCloser }

func (k kinds) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = classify(err)
	}
	return n, err
}

// Size implements [blob.Store].
func (s *Store) Size(ctx context.Context, n blob.Name) (size int64, err error) {
	if err := n.Check(); err != nil {
		return 0, err
	}
	err = s.try(ctx, func() error {
		info, err := s.core.StatObject(ctx, s.bucket, string(n), minio.StatObjectOptions{})
		size = info.Size
		return classify(err)
	})
	return size, err
}

// Load implements [blob.Register].
func (s *Store) Load(ctx context.Context, n blob.Name) ([]byte, error) {
	value, _, err := s.load(ctx, n)
	return value, err
}

// load returns a value and its tag.
func (s *Store) load(ctx context.Context, n blob.Name) (value []byte, tag string, err error) {
	if err := n.Check(); err != nil {
		return nil, "", err
	}
	err = s.try(ctx, func() error {
		body, info, _, err := s.core.GetObject(ctx, s.bucket, string(n), minio.GetObjectOptions{})
		if err != nil {
			return classify(err)
		}
		value, err = io.ReadAll(io.LimitReader(body, maxValue+1))
		tag = info.ETag
		return errors.Join(classify(err), body.Close())
	})
	switch {
	case fault.Of(err) == fault.NotFound:
		return nil, "", nil
	case err == nil && len(value) > maxValue:
		return nil, "", fault.New(fault.Damaged, "a stored value is longer than it should be")
	case err == nil && value == nil:
		value = []byte{}
	}
	return value, tag, err
}

// Swap implements [blob.Register]. A try whose answer got lost has succeeded
// where the new value is there.
func (s *Store) Swap(ctx context.Context, n blob.Name, old, value []byte) (err error) {
	defer fault.Wrap(&err, "swap")
	lost := false
	return s.try(ctx, func() error {
		now, tag, err := s.load(ctx, n)
		switch {
		case err != nil:
			return err
		case lost && now != nil && bytes.Equal(now, value):
			return nil
		case !bytes.Equal(now, old) || (now == nil) != (old == nil):
			return errReplaced()
		}
		c := ifIs(tag)
		if old == nil {
			c = ifNone
		}
		err = s.put(ctx, n, bytes.NewReader(value), int64(len(value)), c)
		if kind := fault.Of(err); err != nil && (kind == fault.Conflict || kind == fault.NotFound) {
			return errReplaced()
		}
		lost = err != nil
		return err
	})
}

func errReplaced() error { return fault.New(fault.Conflict, "somebody else replaced the value") }

// List implements [blob.Lister].
func (s *Store) List(ctx context.Context, prefix string, f func(n blob.Name, size int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing where f fails
	for o := range s.core.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return classify(o.Err)
		}
		if err := f(blob.Name(o.Key), o.Size); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements [blob.Lister].
func (s *Store) Delete(ctx context.Context, n blob.Name) error {
	if err := n.Check(); err != nil {
		return err
	}
	err := s.try(ctx, func() error {
		return classify(s.core.RemoveObject(ctx, s.bucket, string(n), minio.RemoveObjectOptions{}))
	})
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}
