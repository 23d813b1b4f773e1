// Package progress shows on a terminal how far a transfer is. It is part of the
// command siegel.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"siegel/internal/kit/text"
)

// Bar shows on a terminal how far a transfer is. It belongs to one goroutine.
type Bar struct {
	W      io.Writer // nil where nobody looks
	Say    func(sentence string, args ...any) string
	Total  int64 // octets; 0 where nobody knows
	Before int64 // octets of an earlier run
	Begun  time.Time

	printed time.Time
	width   int // of what stands on the line
}

const (
	barWidth  = 24
	showEvery = 200 * time.Millisecond
)

// Show prints the state, a few times a second.
func (b *Bar) Show(now time.Time, octets, messages int64) {
	if b.W == nil || now.Sub(b.printed) < showEvery {
		return
	}
	b.printed = now
	b.line(b.text(now, octets, messages))
}

// text is the state as a line.
func (b *Bar) text(now time.Time, octets, messages int64) string {
	took := max(now.Sub(b.Begun), time.Millisecond)
	rate := float64(octets-b.Before) / took.Seconds()
	line := b.Say("%d {message|messages}, %s, %s/s", messages, text.Size(octets), text.Size(int64(rate)))
	if b.Total <= 0 {
		return line
	}
	part := min(1, float64(octets)/float64(b.Total))
	full := int(part * barWidth)
	line = fmt.Sprintf("[%s%s] %3d %%  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), int(part*100), line)
	if rate > 0 && octets < b.Total {
		rest := time.Duration(float64(b.Total-octets)/rate) * time.Second
		line += b.Say(", %v left", rest)
	}
	return line
}

func (b *Bar) line(text string) {
	pad := max(0, b.width-len(text))
	b.width = len(text)
	_, _ = fmt.Fprintf(b.W, "\r%s%s", text, strings.Repeat(" ", pad)) // nobody needs it
}

// Clear takes the bar away.
func (b *Bar) Clear() {
	if b.W != nil && b.width > 0 {
		b.line("")
		_, _ = fmt.Fprint(b.W, "\r")
	}
}
