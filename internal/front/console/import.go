package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"siegel/internal/flow"
	"siegel/internal/flow/ingest"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
	"siegel/internal/proto/frame"
)

// Import begins an import. Its call is a stream both ways: frames
// (docs/formats/frames.md) come in, a line of JSON per item goes out.
type Import struct {
	Credentials
	Paths [][]byte `json:"paths"`         // absolute, as the file system has them
	For   string   `json:"for,omitempty"` // address of the mailbox that they are of
}

// Begun is the first line of an import's answer.
type Begun struct {
	Job     mail.ID `json:"job"`
	Resumed bool    `json:"resumed"`
	Cursor  []byte  `json:"cursor,omitempty"` // behind the last item of an earlier run
	Most    int64   `json:"most"`             // octets of a message
	Nobody  bool    `json:"nobody,omitempty"` // has the address in For
	ingest.Counts
}

// Outcome is what became of an item, in the order in which they were sent.
type Outcome struct {
	State   string  `json:"state"` // accepted, there, refused
	Message mail.ID `json:"message,omitzero"`
	SHA256  string  `json:"sha256,omitzero"`
	Reason  string  `json:"reason,omitempty"` // why the server refused it
}

// Imported is the end of an import.
type Imported struct {
	Job mail.ID `json:"job"`
	ingest.Counts
}

// ImportLine is one line of an import's answer.
type ImportLine struct {
	Begun   *Begun    `json:"begun,omitempty"`
	Outcome *Outcome  `json:"outcome,omitempty"`
	End     *Imported `json:"end,omitempty"`
	Error   *Error    `json:"error,omitempty"`
}

// takeImport answers the streaming command import.
func (c *Console) takeImport(w http.ResponseWriter, r *http.Request) {
	i := &importCall{console: c, w: w, control: http.NewResponseController(w), lang: text.Parse(r.Header.Get("Accept-Language"))}
	w.Header().Set("Content-Type", "application/x-ndjson")
	done := make(chan struct{})
	go i.watch(done)
	err := i.control.EnableFullDuplex()
	if err == nil {
		err = i.run(r.Context(), frame.NewReader(r.Body))
	}
	close(done)
	if err != nil {
		if fault.Of(err) == fault.Internal && r.Context().Err() == nil {
			c.Log.Error("an import broke off", "error", err)
		}
		_ = i.line(ImportLine{Error: Explain(c.texts, i.lang, err)})
	}
	i.flush()
	// Who sends must read the last line before the connection goes: what lies unread in it
	// would take the line along. A reading that was ended reads nothing more, so there it is
	// waited for who sends.
	select {
	case <-c.stopping:
		time.Sleep(stopWait)
	default:
	}
	if i.control.SetReadDeadline(time.Now().Add(lastWait)) == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// watch ends the reading when the server stops.
func (i *importCall) watch(done <-chan struct{}) {
	select {
	case <-done:
	case <-i.console.stopping:
		_ = i.control.SetReadDeadline(time.Now()) // where that cannot be, the grace of the server ends it
	}
}

// broken is why nothing more can be read.
func (i *importCall) broken(err error) error {
	select {
	case <-i.console.stopping:
		return fault.Because(fault.Busy, "the server is stopping", err)
	default:
		return errFrames(err)
	}
}

// lastWait is how long a server waits for a command to stop sending.
const lastWait = 5 * time.Second

// stopWait is how long a server that stops waits for a command to read why.
const stopWait = time.Second

// importCall is an import in progress.
type importCall struct {
	console *Console
	w       http.ResponseWriter
	control *http.ResponseController
	lang    text.Lang
	nobody  bool // has the address of the mailbox
	flushed time.Time
}

// run reads the frames of an import.
func (i *importCall) run(ctx context.Context, frames *frame.Reader) (err error) {
	kind, b, err := frames.Read()
	if err != nil || kind != frame.Begin {
		return errFrames(err)
	}
	var r Import
	k := &call{body: b}
	if err := k.read(&r); err != nil {
		return err
	}
	clear(b) // the password was in it
	// What was sent is settled also when the command is gone or the server stops: then
	// reading ends.
	ctx = context.WithoutCancel(ctx)
	job, err := i.begin(ctx, r)
	if err != nil {
		return err
	}
	whole := false
	if err = i.line(ImportLine{Begun: &Begun{job.ID, job.Resumed, job.Cursor, job.MaxSize(), i.nobody, job.Before}}); err == nil {
		i.flush()
		whole, err = i.items(job, frames)
	}
	counts, ended := job.End(ctx, whole && err == nil)
	if err == nil {
		err = ended
	}
	if err == nil {
		err = i.line(ImportLine{End: &Imported{job.ID, counts}})
	}
	return err
}

// begin signs the person in and begins the job. Nothing of an import needs her keys:
// they are forgotten at once.
func (i *importCall) begin(ctx context.Context, r Import) (job *ingest.Job, err error) {
	c := i.console
	_, err = c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		owner := mail.NewAddress(r.For)
		if r.For != "" && (owner.Domain() == "" || len(owner) > 254) {
			return nil, fault.New(fault.Invalid, "--for takes an address like anna@clinic.example")
		}
		if err := c.Identity.MayImport(ctx, s, owner); err != nil {
			return nil, err
		}
		if owner != "" {
			assigned, err := c.Identity.Assigned(ctx, s, owner)
			if err != nil {
				return nil, err
			}
			i.nobody = !assigned
		}
		start := ingest.Start{
			Tenant: s.Tenant(), Archive: s.Archive(), Person: s.Person(), For: owner, Tell: i.tell,
			May: func(ctx context.Context) error { return c.Identity.MayImport(ctx, s, "") },
		}
		for _, p := range r.Paths {
			start.Paths = append(start.Paths, string(p))
		}
		job, err = c.Ingest.Begin(ctx, start)
		return nil, err
	})
	return job, err
}

// items takes items until nothing more comes, and reports whether that was said.
func (i *importCall) items(job *ingest.Job, frames *frame.Reader) (whole bool, err error) {
	for {
		kind, b, err := frames.Read()
		if err != nil {
			return false, i.broken(err)
		}
		switch kind {
		case frame.Message:
			err = i.message(job, frames)
		case frame.Skip:
			err = job.Refuse(nil, clone(b))
		case frame.Finish:
			return true, nil
		default:
			err = errFrames(frame.ErrKind)
		}
		if err != nil {
			return false, err
		}
	}
}

func clone(b []byte) []byte { return append([]byte{}, b...) }

// message takes one message.
func (i *importCall) message(job *ingest.Job, frames *frame.Reader) (err error) {
	sheet := job.Sheet()
	taken := false
	defer func() {
		if !taken {
			err = errors.Join(err, sheet.Close())
		}
	}()
	size := int64(0)
	for {
		kind, b, err := frames.Read()
		if err != nil {
			return i.broken(err)
		}
		switch kind {
		case frame.Data:
			if size += int64(len(b)); size > job.MaxSize() {
				continue // it is refused at its end
			}
			if err := write(sheet, b); err != nil {
				return err
			}
		case frame.Drop:
			return job.Refuse(nil, clone(b))
		case frame.End:
			if size > job.MaxSize() {
				return job.Refuse(fault.Newf(fault.Invalid, "the message has more than the %d octets that limits.message_bytes allows", job.MaxSize()), clone(b))
			}
			taken = true
			return job.Take(sheet, clone(b))
		default:
			return errFrames(frame.ErrKind)
		}
	}
}

func write(sheet flow.Sheet, b []byte) error {
	_, err := sheet.Write(b)
	return err
}

func errFrames(err error) error {
	if err == nil {
		err = frame.ErrKind
	}
	return fault.Because(fault.Invalid, "what was sent broke off or cannot be read", err)
}

// tell sends what became of an item. Lines are handed over a few times a second.
func (i *importCall) tell(o ingest.Outcome) error {
	out := &Outcome{State: string(o.State), Message: o.Message}
	if o.State != ingest.Refused {
		out.SHA256 = hexOf(o.SHA256)
	} else if o.Reason != nil {
		out.Reason = Explain(i.console.texts, i.lang, o.Reason).Text
	}
	if err := i.line(ImportLine{Outcome: out}); err != nil {
		return err
	}
	if time.Since(i.flushed) > flushEvery {
		i.flush()
	}
	return nil
}

const flushEvery = 100 * time.Millisecond

func (i *importCall) line(l ImportLine) error {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = i.w.Write(append(b, '\n'))
	}
	return err
}

func (i *importCall) flush() {
	_ = i.control.Flush() // where the client is gone, reading says so
	i.flushed = time.Now()
}

// ListedImport is an import with the address by which who gave it signs in.
type ListedImport struct {
	ingest.Listed
	Email mail.Address `json:"email,omitempty"`
}

func (c *Console) importList(ctx context.Context, k *call) (any, error) {
	var r Signed
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		if err := c.Identity.MayImport(ctx, s, ""); err != nil {
			return nil, err
		}
		names, err := c.Identity.Names(ctx, s)
		if err != nil {
			return nil, err
		}
		list, err := c.Ingest.List(ctx, s.Tenant())
		if err != nil {
			return nil, err
		}
		out := []ListedImport{}
		for _, l := range list {
			out = append(out, ListedImport{l, names[l.Person]})
		}
		return out, nil
	})
}
