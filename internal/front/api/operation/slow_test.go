package operation_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front"
	"siegel/internal/front/api/operation"
)

type said struct {
	Body struct {
		Words string `json:"words"`
	}
}

// What takes longer than reading the request may take is not broken off: net/http would
// take the client for gone.
func TestSlow(t *testing.T) {
	const reading = 200 * time.Millisecond
	d := operation.New(front.Callers{}, nil, slog.New(slog.DiscardHandler))
	slowly := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * reading):
			return nil
		}
	}
	operation.Register(d, huma.Operation{OperationID: "say", Method: http.MethodPost, Path: "/say"}, operation.Kind{Open: true},
		func(ctx context.Context, _ *operation.Call, in *said) (*said, error) { return in, slowly(ctx) })
	operation.Register(d, huma.Operation{OperationID: "hear", Method: http.MethodGet, Path: "/say"}, operation.Kind{Open: true},
		func(ctx context.Context, _ *operation.Call, _ *operation.None) (*said, error) {
			return new(said), slowly(ctx)
		})
	h, err := d.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ReadTimeout = reading
	s.Start()
	defer s.Close()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+operation.Root+"/say", strings.NewReader(`{"words":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", method, res.StatusCode, err)
		}
	}
}
