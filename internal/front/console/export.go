package console

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"siegel/internal/archive/export"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/frame"
)

// Export takes messages out. Its answer is frames (docs/formats/frames.md).
type Export struct {
	Credentials
	Query   string `json:"query"`   // a search; empty for all that the person can read
	Format  string `json:"format"`  // eml, mbox
	Encrypt string `json:"encrypt"` // zip, age, none
	Reason  string `json:"reason,omitempty"`
	// Of an export that goes on, as ExportBegun and Letter had them.
	Job    mail.ID   `json:"job,omitzero"`
	Name   []byte    `json:"name,omitempty"`
	Before time.Time `json:"before,omitzero"`
	After  string    `json:"after,omitempty"`
}

// ExportBegun is what is known of an export before its messages come.
type ExportBegun struct {
	Job      mail.ID   `json:"job"`
	Name     []byte    `json:"name"`   // the same for the same command of the same person
	Before   time.Time `json:"before"` // messages that arrived from then on are not in it
	Messages int64     `json:"messages"`
	Octets   int64     `json:"octets"`
	Damaged  int64     `json:"damaged"` // messages that the search cannot find
	Former   int64     `json:"former"`  // messages sealed to a former key of the person
	Waiting  int64     `json:"waiting"` // messages with attachments that are not read yet
	Unread   int64     `json:"unread"`  // messages with attachments that cannot be read
}

// Letter is a message of an export before its octets come.
type Letter struct {
	ID      mail.ID   `json:"id"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Arrived time.Time `json:"arrived"`
	Carried bool      `json:"carried"` // mbox carries it exactly
	At      string    `json:"at"`      // behind it the export goes on
}

// Missing is a message that could not be opened.
type Missing struct {
	ID  mail.ID `json:"id"`
	At  string  `json:"at"`
	Why string  `json:"why"`
}

func (c *Console) export(ctx context.Context, k *call) (any, error) {
	var r Export
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		if s.Account().Role == identity.Administrator {
			return nil, fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to export")
		}
		e, err := c.Exports.Begin(ctx, s, c.Find(s), export.Request{
			Query: r.Query, Format: r.Format, Cipher: r.Encrypt, Reason: r.Reason, Job: r.Job, Name: r.Name, Before: r.Before, After: r.After,
		})
		if err != nil {
			return nil, err
		}
		err = k.octets(ExportBegun{e.Job, e.Name, e.Before, e.Messages, e.Octets, e.Damaged, e.Former, e.Waiting, e.Unread})
		if err != nil {
			return nil, err
		}
		p := &packer{console: c, k: k, frames: frame.NewWriter(k.w)}
		counts, err := e.Run(ctx, p)
		if p.failed != nil {
			k.gone = true
			return nil, p.failed
		}
		if err != nil {
			c.Log.Error("an export broke off", "kind", fault.Of(err), "error", err)
			return nil, p.end(frame.Fault, Explain(c.texts, k.lang, err))
		}
		return nil, p.end(frame.Finish, counts)
	})
}

// packer sends messages as frames.
type packer struct {
	console *Console
	k       *call
	frames  *frame.Writer
	failed  error // the client is gone
}

// Begin implements [export.Packer].
func (p *packer) Begin(h export.Head) error {
	return p.json(frame.Message, Letter{h.ID, hex.EncodeToString(h.SHA256[:]), h.Size, h.Arrived, h.Carried, h.At})
}

// Write implements [export.Packer].
func (p *packer) Write(b []byte) (int, error) {
	n, err := p.frames.Body().Write(b)
	return n, p.note(err)
}

// End implements [export.Packer].
func (p *packer) End() error { return p.note(p.frames.Write(frame.End, nil)) }

// Problem implements [export.Packer].
func (p *packer) Problem(id mail.ID, at string, why error) error {
	return p.json(frame.Skip, Missing{id, at, Explain(p.console.texts, p.k.lang, why).Text})
}

func (p *packer) json(k frame.Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.note(p.frames.Write(k, b))
}

func (p *packer) note(err error) error {
	if err != nil {
		p.failed = err
	}
	return err
}

func (p *packer) end(k frame.Kind, v any) error {
	if err := p.json(k, v); err != nil {
		return err
	}
	return p.frames.Flush()
}
