// Package export takes messages out of the archive: all that a search of an unlocked
// session finds, one after the other, compared with what was entered when they arrived
// (requirement EX-02). It is part of the archive.
//
// An export is bounded in messages and octets, and audited: its begin with query and
// reason, which are sealed to the archive, every page of messages before one of its
// octets leaves, and its end with counts. It leaves encrypted, unless the person gives a
// reason for a plain one (decision D16); whoever packs it is told how it was asked for.
// The server keeps nothing of an export: who was interrupted says behind which message
// it goes on.
package export

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/mbox"
	"siegel/internal/vault/db"
)

// Found is a message that is to leave, and where it stands among the others: a text
// that only the finder reads.
type Found struct {
	ID mail.ID
	At string
}

// Measured is what a search has in it.
type Measured struct {
	Messages, Octets int64
	Damaged, Former  int64 // messages that it cannot find, see index
	Waiting, Unread  int64 // messages of whose attachments it does not find the text
}

// Finder finds messages for a session: index. query is a search or empty for all;
// messages that arrived from before on are left out.
type Finder interface {
	Measure(ctx context.Context, query string, before time.Time) (Measured, error)
	// Walk returns the next messages behind after, at most limit, none at the end.
	Walk(ctx context.Context, query string, before time.Time, after string, limit int) ([]Found, error)
}

// Trail records who exported: audit.
type Trail interface {
	Record(ctx context.Context, t db.Tenant, archive mail.HolderID, e audit.Event) error
}

// Keys names exports: master.Key.
type Keys interface {
	MAC(tenant mail.TenantID, b []byte) [32]byte
}

// Deps is what the room works with.
type Deps struct {
	Archive *archive.Archive
	Trail   Trail
	Keys    Keys
	Now     func() time.Time
	// MaxMessages and MaxOctets bound one export.
	MaxMessages, MaxOctets int64
}

// Room exports. Use it from many goroutines.
type Room struct{ Deps }

// New returns the room.
func New(d Deps) *Room { return &Room{d} }

// Ways in which an export leaves.
const (
	AsEML  = "eml"
	AsMbox = "mbox"

	ByZip = "zip"  // AES-256
	ByAge = "age"  // to recipients or under a passphrase
	Plain = "none" // needs a reason
)

// Request is what somebody wants to take out.
type Request struct {
	Query  string
	Format string // AsEML or AsMbox
	Cipher string // ByZip, ByAge, Plain
	Reason string
	// Of an export that goes on: its id and name, up to when it takes messages, and
	// behind which.
	Job    mail.ID
	Name   []byte
	Before time.Time
	After  string
}

// Export is one that was begun.
type Export struct {
	Job    mail.ID
	Name   []byte // tells whether a command is the same: of who exports what, and how
	Before time.Time
	Measured

	room *Room
	find Finder
	s    archive.Reader
	r    Request
	done Counts
}

// Counts are the messages that have left.
type Counts struct {
	Messages int64 `json:"messages"`
	Octets   int64 `json:"octets"`
	Problems int64 `json:"problems"` // messages that could not be opened
}

// maxNote bounds query and reason together, in characters.
const maxNote = 990

// Begin checks what is wanted, counts it and enters it in the audit log. It fails with
// kind Invalid where something is missing or malformed, such as the reason for a plain
// export or for mail that is not one's own, with kind Conflict where the export that is
// to go on was begun by another command, and with kind Exhausted where the export would
// have more than it may.
func (r *Room) Begin(ctx context.Context, s archive.Reader, find Finder, q Request) (_ *Export, err error) {
	defer fault.Wrap(&err, "export")
	q.Reason = strings.TrimSpace(q.Reason)
	if err := q.check(s.Unlocked().Holds(s.Archive())); err != nil {
		return nil, err
	}
	resumed := !q.Job.IsZero()
	if !resumed {
		q.Job, q.Before, q.After = mail.NewID(), mail.Time(r.Now()), ""
	}
	e := &Export{Job: q.Job, Name: q.name(r.Keys, s), Before: q.Before, room: r, find: find, s: s, r: q}
	if resumed && !hmac.Equal(e.Name, q.Name) {
		return nil, fault.New(fault.Conflict, "the folder has an export that another command began; give the same one, or name another folder")
	}
	if e.Measured, err = find.Measure(ctx, q.Query, q.Before); err != nil {
		return nil, err
	}
	detail := map[string]any{
		"format": q.Format, "encrypt": q.Cipher, "resumed": resumed, "messages": e.Messages, "octets": e.Octets,
	}
	refused := r.bounded(e.Measured)
	if refused != nil {
		detail["refused"] = "too large"
	}
	err = r.Trail.Record(ctx, s.Tenant(), s.Archive(), audit.Event{
		What: "export.begin", Who: s.Person().String(), Object: q.Job.String(), Detail: detail, Note: q.note(),
	})
	return e, errors.Join(err, refused)
}

// name is what an export is recognised by when it goes on. It lies in a folder of the
// person's: without the server's key no guess of a search can be compared with it.
func (q Request) name(k Keys, s archive.Reader) []byte {
	person := s.Person()
	m := k.MAC(s.Tenant().ID(), tuple.Make("siegel/v1 export command", person[:], q.Job[:], []byte(q.Query), []byte(q.Format), []byte(q.Cipher)))
	return m[:]
}

func (r *Room) bounded(m Measured) error {
	switch {
	case m.Messages > r.MaxMessages:
		return fault.Newf(fault.Exhausted, "this is %d {message|messages}, and one export may have %d: narrow the search, for example by before: and after:", m.Messages, r.MaxMessages)
	case m.Octets > r.MaxOctets:
		return fault.Newf(fault.Exhausted, "this is %d octets, and one export may have %d: narrow the search, for example by before: and after:", m.Octets, r.MaxOctets)
	default:
		return nil
	}
}

func (q Request) check(others bool) error {
	switch {
	case q.Format != AsEML && q.Format != AsMbox:
		return fault.New(fault.Invalid, "an export has the format eml or mbox")
	case q.Cipher != ByZip && q.Cipher != ByAge && q.Cipher != Plain:
		return fault.New(fault.Invalid, "an export is encrypted by zip or age, or plain: none")
	case q.Cipher == Plain && !IsReason(q.Reason):
		return fault.At("reason", fault.New(fault.Invalid, "an export that is not encrypted takes a reason, which is kept in the audit log"))
	case others && !IsReason(q.Reason):
		return fault.At("reason", fault.New(fault.Invalid, "you can export mail of others: that takes a reason, which is kept in the audit log"))
	case utf8.RuneCountInString(q.note()) > maxNote:
		return fault.Newf(fault.Invalid, "search and reason have at most %d characters together", maxNote)
	default:
		return nil
	}
}

func (q Request) note() string {
	note := strings.TrimSpace(q.Query)
	if q.Reason != "" {
		note += " | " + q.Reason
	}
	return note
}

// IsReason reports whether a text can be a reason: there is a letter or a digit in it.
func IsReason(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// Head is what is known of a message before its octets.
type Head struct {
	ID      mail.ID
	SHA256  [32]byte
	Size    int64
	Arrived time.Time
	Carried bool   // mbox carries it exactly
	At      string // behind it the export goes on
}

// Packer takes the messages of an export, one after the other.
type Packer interface {
	// Begin begins a message, Write takes its octets, End ends it: they are those that
	// arrived.
	Begin(h Head) error
	Write(b []byte) (int, error)
	End() error
	// Problem says that a message cannot be opened.
	Problem(id mail.ID, at string, why error) error
}

// small is the size up to which a message is read whole before its first octet leaves.
const small = 1 << 20

// Run takes the messages out. It returns how many left also where it fails, and enters
// that in the audit log.
func (e *Export) Run(ctx context.Context, p Packer) (_ Counts, err error) {
	defer fault.Wrap(&err, "export")
	err = e.pages(ctx, p)
	state := "done"
	if err != nil {
		state = "interrupted"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	recorded := e.room.Trail.Record(ctx, e.s.Tenant(), e.s.Archive(), audit.Event{
		What: "export.end", Who: e.s.Person().String(), Object: e.Job.String(),
		Detail: map[string]any{"state": state, "messages": e.done.Messages, "octets": e.done.Octets, "problems": e.done.Problems},
	})
	return e.done, errors.Join(err, recorded)
}

const endTime = 30 * time.Second

func (e *Export) pages(ctx context.Context, p Packer) error {
	for at := e.r.After; ; {
		list, err := e.find.Walk(ctx, e.r.Query, e.Before, at, archive.MaxPage)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := e.page(ctx, p, list); err != nil {
			return err
		}
		at = list[len(list)-1].At
	}
}

func (e *Export) page(ctx context.Context, p Packer, list []Found) error {
	of := archive.PageOf{What: "export.page", Object: e.Job, Reason: e.r.Reason}
	for _, f := range list {
		of.IDs = append(of.IDs, f.ID)
	}
	page, err := e.room.Archive.Page(ctx, e.s, of)
	if err != nil {
		return err
	}
	defer func() {
		for _, m := range page {
			m.Close()
		}
	}()
	for i, m := range page {
		err := e.message(ctx, p, m, list[i].At)
		var bad problem
		if errors.As(err, &bad) {
			e.done.Problems++
			err = p.Problem(m.ID, list[i].At, bad.error)
		}
		if err != nil {
			return err
		}
		m.Close()
	}
	return nil
}

// problem is an error of one message; the others go on.
type problem struct{ error }

func (p problem) Unwrap() error { return p.error }

func ofMessage(err error) error {
	switch fault.Of(err) {
	case fault.Damaged, fault.NotFound:
		return problem{err}
	default:
		return err
	}
}

// message takes one message out. It is read once before, so that none begins that is
// not whole: what is large is opened again for that.
func (e *Export) message(ctx context.Context, p Packer, m *archive.Paged, at string) error {
	opened, err := m.Open(ctx)
	if err != nil {
		return ofMessage(err)
	}
	h := Head{ID: m.ID, SHA256: opened.SHA256, Size: opened.Size, Arrived: mail.FromMicros(opened.Arrived), At: at}
	var last tail
	var octets bytes.Buffer
	to := io.MultiWriter(&last, &octets)
	if h.Size > small {
		to = &last
	}
	defer func() { clear(octets.Bytes()) }()
	_, err = io.Copy(to, opened)
	if err := errors.Join(err, opened.Close()); err != nil {
		return ofMessage(err)
	}
	h.Carried = mbox.Carries(h.Size, last.octet)
	if err := p.Begin(h); err != nil {
		return err
	}
	if err := e.octets(ctx, p, m, h, &octets); err != nil {
		return err
	}
	e.done.Messages++
	e.done.Octets += h.Size
	return p.End()
}

// octets hands the octets of a message over.
func (e *Export) octets(ctx context.Context, p Packer, m *archive.Paged, h Head, whole *bytes.Buffer) error {
	if h.Size <= small {
		_, err := p.Write(whole.Bytes())
		return err
	}
	opened, err := m.Open(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(packing{p}, opened)
	return errors.Join(err, opened.Close())
}

// packing hides what else a packer can.
type packing struct{ p Packer }

func (w packing) Write(b []byte) (int, error) { return w.p.Write(b) }

// tail remembers the last octet.
type tail struct{ octet byte }

func (t *tail) Write(b []byte) (int, error) {
	if len(b) > 0 {
		t.octet = b[len(b)-1]
	}
	return len(b), nil
}
