package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/transfer/progress"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/proto/mbox"
)

// run is one run of an import.
type run struct {
	*cli.CLI
	ctx     context.Context //nolint:containedctx // a run is a call
	options importing
	variant mbox.Variant
	paths   []string
	report  *os.File // nil for none

	stream *client.Importing
	cursor *spot
	since  int64 // when the first run began, in nanoseconds since 1970
	base   int64 // octets of files that are done

	mu        sync.Mutex
	waiting   []sent       // items whose outcome is not known, in order; guarded by mu
	messages  int64        // that were settled; guarded by mu
	octets    int64        // that were settled; guarded by mu
	odd       int64        // that are in the archive and do not begin like a message; guarded by mu
	refused   []string     // the first lines of what was refused; guarded by mu
	reportErr error        // guarded by mu
	bar       progress.Bar // guarded by mu
}

// sent is an item whose outcome is not known yet.
type sent struct {
	reported
	octets int64 // of all files up to its end
}

// clockTick bounds how far the time of a change lies behind the clock.
const clockTick = 10 * time.Millisecond

// maxRounds bounds how often a Maildir is read in which messages keep moving.
const maxRounds = 10

// walk reads all files, and then what changed in a Maildir while it was read, until
// nothing did: a message that moves from a folder not yet read to one that has been
// would else be missed.
func (r *run) walk(to taker) error {
	files := &reader{to: once{to}, variant: r.variant, noted: r.note}
	w := &walker{say: r.Say, batch: namesAtOnce, cursor: r.cursor, shared: r.cursor != nil}
	moving := 0 // files of this round, and messages that were gone
	w.found = func(f file) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if f.refused == "" || f.home != nil {
			moving++
		}
		f.spot.Since = r.since
		err := files.file(f)
		r.base += f.size
		return err
	}
	first := 0 // the round that an earlier run ended in
	if r.cursor != nil {
		first = r.cursor.Round
	}
	began := time.Unix(0, r.since) // when the last round did
	for round := first; round < maxRounds; round++ {
		if round > 0 {
			if !w.shared || r.options.dryRun {
				return nil // what is only counted is not counted twice
			}
			w.since = began.Add(-clockTick)
		}
		if round > first {
			began = time.Now()
		}
		moving = 0
		for i, path := range r.paths {
			if r.cursor != nil && r.cursor.Round == round && r.cursor.Path > i {
				continue // an earlier run has read it
			}
			if err := w.argument(i, path, round); err != nil {
				return err
			}
		}
		if round > first && moving == 0 {
			return nil
		}
	}
	return nil
}

// note says which variant an mbox is.
func (r *run) note(path string, v mbox.Variant, why mbox.Why) {
	said := map[mbox.Why]string{
		mbox.ByName:     say("%s is %s: its From_ lines say so"),
		mbox.ByLength:   say("%s is %s: its first entry ends where its Content-Length says"),
		mbox.ByUnquoted: say("%s is %s: lines in it begin with From and are not quoted"),
		mbox.ByDefault:  say("%s is taken for %s: nothing in it speaks against that"),
	}
	if !r.JSON {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bar.Clear()
		_, _ = io.WriteString(r.Err, r.Say(said[why], path, string(v))+"\n")
	}
}

// take implements [taker].
func (r *run) take(m message, octets io.Reader, behind func() int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	base := r.base
	r.push(m, "", base+m.at)
	err := r.stream.Send(noting{octets, r}, func() []byte {
		after := m.spot
		if after.Offset, after.Octets = behind(), base; after.Offset == done {
			after.Octets += m.size
		}
		return cursorOf(after)
	})
	if _, ok := errors.AsType[*client.Unreadable](err); ok {
		err = nil // it counts as refused
	}
	return r.ended(err)
}

// noting keeps why a message cannot be read, before anybody is told that it cannot.
type noting struct {
	io.Reader
	run *run
}

func (n noting) Read(b []byte) (int, error) {
	count, err := n.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.run.because(n.run.Say(broke(err)))
	}
	return count, err
}

// broke says why the octets of a message broke off.
func broke(err error) string {
	if errors.Is(err, errChanged) || errors.Is(err, io.ErrUnexpectedEOF) {
		return changed()
	}
	return cannot(err)
}

// refuse implements [taker].
func (r *run) refuse(m message, why string, args ...any) error {
	after := m.spot
	after.Offset, after.Octets = done, r.base+m.size
	r.push(m, r.Say(why, args...), after.Octets)
	return r.ended(r.stream.Skip(cursorOf(after)))
}

// ended returns why an import cannot go on.
func (r *run) ended(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reportErr != nil {
		return r.goOn(r.unreported(err))
	}
	return err
}

// push notes an item before it is sent.
func (r *run) push(m message, why string, octets int64) {
	l := reported{File: m.path, Offset: m.at, Reason: why, Note: r.noteOf(m), Folder: m.folder, Flags: m.flags}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, sent{l, octets})
}

// noteOf says what is odd about a message that is taken.
func (r *run) noteOf(m message) string {
	if m.odd {
		return r.Say("it does not begin like a message")
	}
	return ""
}

// because says why the item that was sent last was refused.
func (r *run) because(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.waiting); n > 0 {
		r.waiting[n-1].Reason = why
	}
}

// told hears what became of the item that has waited longest.
func (r *run) told(o console.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return // the server answers what nobody sent: its end will say so
	}
	s := r.waiting[0]
	r.waiting = r.waiting[1:]
	s.State, s.SHA256 = o.State, o.SHA256
	if o.State != "refused" {
		s.Message = o.Message.String()
		r.messages++
		if s.Note != "" {
			r.odd++
		}
	} else if o.Reason != "" {
		s.Reason = o.Reason
	}
	r.octets = max(r.octets, s.octets)
	r.reportOne(s.reported)
	r.bar.Show(time.Now(), r.octets, r.messages)
}

func cursorOf(s spot) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return nil // numbers and octets always encode
	}
	return b
}

// something fails where a path is not there, or nothing is in any of them that could
// be mail: before anything begins.
func (r *run) something() error {
	for _, path := range r.paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return &console.Error{Kind: "not-found", Text: r.Say("there is no file or folder %s; nothing was imported", path)}
		}
	}
	there := errors.New("there is something")
	w := &walker{say: r.Say, batch: namesAtOnce, found: func(file) error { return there }}
	for i, path := range r.paths {
		if err := w.argument(i, path, 0); err != nil {
			return nil //nolint:nilerr // there is something, or walk says why it cannot be read
		}
	}
	return cli.Usage(r.Say("there is no file in %s; nothing was imported", strings.Join(r.paths, " ")))
}

// measure counts the octets of all files, for the bar.
func (r *run) measure() {
	total := int64(0)
	w := &walker{say: r.Say, batch: namesAtOnce, found: func(f file) error {
		total += f.size
		return r.ctx.Err()
	}}
	for i, path := range r.paths {
		if w.argument(i, path, 0) != nil {
			return // walk says it
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.base
	if r.cursor != nil {
		before += max(0, r.cursor.Offset) // the part of an mbox that an earlier run has read
	}
	r.bar = progress.Bar{W: r.Out, Say: r.Say, Total: total, Before: before, Begun: time.Now()}
}

// dry reads everything and counts.
func (r *run) dry() error {
	d := &counter{run: r, t: totals{DryRun: true}}
	if err := r.walk(d); err != nil {
		return err
	}
	return r.finish(d.t)
}

// counter counts what would be taken.
type counter struct {
	*run
	t totals
}

func (d *counter) take(m message, octets io.Reader, _ func() int64) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, octets)
	if err != nil {
		return d.refuse(m, broke(err))
	}
	d.t.Accepted++
	d.t.Octets += n
	if m.odd {
		d.odd++
	}
	d.reportOne(reported{File: m.path, Offset: m.at, State: "accepted", Note: d.noteOf(m), Folder: m.folder, Flags: m.flags})
	return d.unreported(nil)
}

func (d *counter) refuse(m message, why string, args ...any) error {
	d.t.Refused++
	d.reportOne(reported{File: m.path, Offset: m.at, State: "refused", Reason: d.Say(why, args...), Folder: m.folder, Flags: m.flags})
	return d.unreported(nil)
}
