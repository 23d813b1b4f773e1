package transfer

import (
	"fmt"
	"io"
	"strings"
	"time"

	"siegel/internal/kit/text"
)

// bar shows on a terminal how far a transfer is.
type bar struct {
	w       io.Writer // nil where nobody looks
	say     func(sentence string, args ...any) string
	total   int64 // octets; 0 where nobody knows
	before  int64 // octets of an earlier run
	begun   time.Time
	printed time.Time
	width   int // of what stands on the line
}

const (
	barWidth  = 24
	showEvery = 200 * time.Millisecond
)

// show prints the state, a few times a second.
func (b *bar) show(now time.Time, octets, messages int64) {
	if b.w == nil || now.Sub(b.printed) < showEvery {
		return
	}
	b.printed = now
	b.line(b.text(now, octets, messages))
}

// text is the state as a line.
func (b *bar) text(now time.Time, octets, messages int64) string {
	took := max(now.Sub(b.begun), time.Millisecond)
	rate := float64(octets-b.before) / took.Seconds()
	line := b.say("%d {message|messages}, %s, %s/s", messages, size(octets), size(int64(rate)))
	if b.total <= 0 {
		return line
	}
	part := min(1, float64(octets)/float64(b.total))
	full := int(part * barWidth)
	line = fmt.Sprintf("[%s%s] %3d %%  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), int(part*100), line)
	if rate > 0 && octets < b.total {
		rest := time.Duration(float64(b.total-octets)/rate) * time.Second
		line += b.say(", %v left", rest)
	}
	return line
}

func (b *bar) line(text string) {
	pad := max(0, b.width-len(text))
	b.width = len(text)
	_, _ = fmt.Fprintf(b.w, "\r%s%s", text, strings.Repeat(" ", pad)) // nobody needs it
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.w != nil && b.width > 0 {
		b.line("")
		_, _ = fmt.Fprint(b.w, "\r")
	}
}

// size is a number of octets as people read it.
func size(n int64) text.Decimal {
	const units = "kMGTPE"
	if n < 1000 {
		return text.Decimal(fmt.Sprintf("%d B", n))
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.95 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	return text.Decimal(fmt.Sprintf("%.1f %cB", f, units[unit]))
}
