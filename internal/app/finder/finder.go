// Package finder finds for an export what a search finds. Neither room knows the other.
// It is part of app.
package finder

import (
	"context"
	"fmt"
	"time"

	"siegel/internal/archive/export"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
)

// Finder finds messages in the index for a session. It implements [export.Finder].
type Finder struct {
	Index   *index.Index
	Session index.Session
}

var _ export.Finder = Finder{}

// Measure implements [export.Finder].
func (f Finder) Measure(ctx context.Context, query string, before time.Time) (export.Measured, error) {
	m, err := f.Index.Measure(ctx, f.Session, index.Range{Text: query, Before: before})
	return export.Measured(m), err
}

// Walk implements [export.Finder].
func (f Finder) Walk(ctx context.Context, query string, before time.Time, after string, limit int) ([]export.Found, error) {
	var at index.Position
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d.%d", &at.Month, &at.Seq); err != nil || positionText(at) != after {
			return nil, fault.New(fault.Invalid, "there is no such position in an export")
		}
	}
	list, err := f.Index.Walk(ctx, f.Session, index.Range{Text: query, Before: before}, at, limit)
	var out []export.Found
	for _, p := range list {
		out = append(out, export.Found{ID: p.ID, At: positionText(p.At)})
	}
	return out, err
}

func positionText(p index.Position) string { return fmt.Sprintf("%d.%d", p.Month, p.Seq) }
