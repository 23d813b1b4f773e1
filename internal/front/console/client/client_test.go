package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"siegel/internal/front/console"
	"siegel/internal/kit/text"
	"siegel/internal/proto/frame"
)

// letters take nothing and tell of the first message.
type letters struct{ begun func() }

func (l letters) Begin(console.Letter) error  { l.begun(); return nil }
func (letters) Write(b []byte) (int, error)   { return len(b), nil }
func (letters) End() error                    { return nil }
func (letters) Missing(console.Missing) error { return nil }

// An answer that ends early is the server's doing, unless who asked asks no more: then
// that is said, and no answer is called broken.
func TestAnswerEnds(t *testing.T) {
	for _, own := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		c := Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/v1/export":
				w.Header().Set(console.ResultHeader, "{}")
				frames := frame.NewWriter(w)
				_ = errors.Join(frames.Write(frame.Message, []byte("{}")), frames.Flush())
			case "/v1/call":
				_, _ = io.WriteString(w, `{"progress":{}}`+"\n")
			}
			_ = http.NewResponseController(w).Flush() // who asks hears it, or the test fails
			if own {
				<-r.Context().Done()
			}
			panic(http.ErrAbortHandler)
		}), text.English)
		stop := func() {
			if own {
				cancel()
			}
		}
		want := errBroken
		if own {
			want = context.Canceled
		}
		err := c.Export(ctx, console.Export{}, func(console.ExportBegun) error { return nil }, letters{stop})
		if !errors.Is(err, want) {
			t.Errorf("export: %v, want %v", err, want)
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		if err := c.Call(ctx, "call", struct{}{}, nil, func(console.Progress) { stop() }); !errors.Is(err, want) {
			t.Errorf("call: %v, want %v", err, want)
		}
		cancel()
		must(t, c.Close())
	}
}
