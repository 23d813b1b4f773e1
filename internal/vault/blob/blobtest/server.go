package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/test/tied"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Server is an S3-compatible store that ends with this process.
type Server struct {
	Endpoint, Access, Secret string

	buckets atomic.Int64
	client  *minio.Client
}

// server returns the store of this process, nil where its program is not built.
var server = sync.OnceValues(start)

// S3 returns the process's store. The test is skipped where its program is not
// built.
func S3(t testing.TB) *Server {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		t.Skip("the S3 store for tests is not built: make deps-test builds it")
	}
	return s
}

// Bucket makes an empty bucket.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name, err := s.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Make makes an empty bucket, which lasts as long as the process.
func (s *Server) Make(ctx context.Context) (name string, err error) {
	name = fmt.Sprintf("test-%d", s.buckets.Add(1))
	return name, s.client.MakeBucket(ctx, name, minio.MakeBucketOptions{})
}

// Shared returns the process's store. It fails where its program is not built.
func Shared() (*Server, error) {
	s, err := server()
	if s == nil && err == nil {
		err = errors.New("blobtest: the S3 store is not built: make deps-test builds it")
	}
	return s, err
}

// start starts a store that ends with this process.
func start() (*Server, error) {
	program := filepath.Join(os.Getenv("SIEGEL_ROOT"), "build", "bin", "versitygw")
	if _, err := os.Stat(program); err != nil {
		return nil, nil //nolint:nilerr,nilnil // it is not built
	}
	dir, err := os.MkdirTemp("", "siegel-s3")
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"objects", "meta"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	endpoint, err := free()
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: endpoint, Access: "siegel-test", Secret: "only-of-this-test"}
	hold, err := tied.Start(tied.Server{
		Dir: dir, Signal: "TERM", Args: []string{program, endpoint}, Env: []string{"ROOT_ACCESS_KEY=" + s.Access, "ROOT_SECRET_KEY=" + s.Secret},
		Command: `"$2" --quiet --keep-alive --port "$3" posix --sidecar "$1"/meta "$1"/objects`,
	})
	if err != nil {
		return nil, err
	}
	s.client, err = minio.New(endpoint, &minio.Options{Creds: credentials.NewStaticV4(s.Access, s.Secret, ""), Region: "us-east-1"})
	if err == nil {
		err = s.wait()
	}
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(err, fmt.Errorf("the store said: %s", bytes.TrimSpace(log)), hold.Close())
	}
	return s, nil
}

// free returns an address of loopback that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait waits until the store answers.
func (s *Server) wait() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err = s.client.ListBuckets(ctx); err == nil || !strings.Contains(err.Error(), "refused") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
