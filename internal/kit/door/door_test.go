package door_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"siegel/internal/kit/door"
)

// Without an address the door is shut and waits; from elsewhere nobody is answered
// without TLS.
func TestListen(t *testing.T) {
	t.Parallel()
	shut, err := door.Listen("", nil)
	if err != nil || shut.Addr() != nil || shut.Close() != nil {
		t.Errorf("shut: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := shut.Serve(ctx, &http.Server{ReadHeaderTimeout: time.Second}, time.Second); err != nil {
		t.Error(err)
	}
	if _, err := door.Listen("0.0.0.0:0", nil); !errors.Is(err, door.ErrPlain) {
		t.Errorf("plain from elsewhere: %v", err)
	}
	d, err := door.Listen("0.0.0.0:0", &tls.Config{MinVersion: tls.VersionTLS13})
	if err != nil || !d.Secure() {
		t.Fatalf("with TLS: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := door.Listen("nowhere", nil); err == nil {
		t.Error("no address")
	}
}

// What is in progress when the door stops is answered, as long as it does not take too
// long; then it is broken off.
func TestServe(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]bool{10 * time.Second: true, 10 * time.Millisecond: false} {
		d, err := door.Listen("127.0.0.1:0", nil)
		if err != nil || d.Secure() {
			t.Fatal(err)
		}
		begun := make(chan struct{})
		s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			time.Sleep(300 * time.Millisecond)
			_, _ = io.WriteString(w, "done")
		})}
		ctx, stop := context.WithCancel(t.Context())
		ended, answered := make(chan error, 1), make(chan bool, 1)
		go func() { ended <- d.Serve(ctx, s, grace) }()
		go func() {
			r, err := http.Get("http://" + d.Addr().String())
			if err == nil {
				_ = r.Body.Close()
			}
			answered <- err == nil && r.StatusCode == http.StatusOK
		}()
		<-begun
		stop()
		if err := <-ended; err != nil {
			t.Errorf("grace %v: %v", grace, err)
		}
		if got := <-answered; got != want {
			t.Errorf("grace %v: answered %v", grace, got)
		}
	}
}
