package archive

import (
	"context"
	"fmt"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// MaxPage is how many messages a page has at most.
const MaxPage = 100

// PageOf says which messages are opened together, and why.
type PageOf struct {
	IDs    []mail.ID
	What   string  // of the audit event, such as "export.page"
	Object mail.ID // what they are opened for
	Reason string  // why, where some are not the session's own
}

// Paged is a message of a page, or why it cannot be opened: kinds NotFound and Damaged.
type Paged struct {
	ID  mail.ID
	Err error

	archive *Archive
	s       Reader
	opened  *opened
}

// Page opens messages for a session with one event in the audit log, which names every
// one of them and stands there before an octet leaves (requirement CR-10). The rules are
// those of [Archive.Show]. The caller closes every message of the page.
func (a *Archive) Page(ctx context.Context, s Reader, of PageOf) (list []*Paged, err error) {
	defer fault.Wrap(&err, "page")
	if len(of.IDs) > MaxPage {
		return nil, fmt.Errorf("%d messages, a page has %d", len(of.IDs), MaxPage)
	}
	defer func() {
		if err != nil {
			for _, p := range list {
				p.Close()
			}
			list = nil
		}
	}()
	names := make([]string, 0, len(of.IDs))
	owned := 0
	for _, id := range of.IDs {
		p := &Paged{ID: id, archive: a, s: s}
		own, err := p.unlock(ctx)
		if err != nil {
			if kind := fault.Of(err); kind != fault.NotFound && kind != fault.Damaged {
				return list, err
			}
			p.Err = err
			list = append(list, p)
			continue
		}
		list = append(list, p)
		names = append(names, id.String())
		if own {
			owned++
		}
	}
	if len(names) == 0 {
		return list, nil
	}
	if owned < len(names) && !isReason(of.Reason) {
		return list, errReason()
	}
	return list, a.Trail.Record(ctx, s.Tenant(), s.Archive(), audit.Event{
		What: of.What, Who: s.Person().String(), Object: of.Object.String(),
		Detail: map[string]any{"messages": names, "own": owned}, Note: of.Reason,
	})
}

// unlock finds the message and its key, and reports whether it is the session's own.
func (p *Paged) unlock(ctx context.Context) (own bool, err error) {
	o := &opened{}
	if o.row, err = p.archive.find(ctx, p.s.Tenant(), p.ID); err != nil {
		return false, err
	}
	if own, err = p.s.Unlocked().Has(ctx, p.ID, p.s.Unlocked().Person()); err != nil {
		return false, err
	}
	if o.key, err = p.s.Unlocked().Open(ctx, p.ID, p.s.Archive()); err != nil {
		return false, err
	}
	p.opened = o
	return own, nil
}

// Open returns the octets, as [Archive.Show] does. It may be called again. The caller
// closes the message.
func (p *Paged) Open(ctx context.Context) (_ *Message, err error) {
	defer fault.Wrap(&err, "page")
	if p.Err != nil {
		return nil, p.Err
	}
	if err := p.archive.check(ctx, p.s.Tenant(), p.opened); err != nil {
		return nil, err
	}
	return p.archive.stream(ctx, p.s.Tenant(), p.opened)
}

// Close forgets the message's key. It may be called again.
func (p *Paged) Close() {
	if p.opened != nil {
		p.opened.key.Close()
		p.opened = nil
		p.Err = errClosed()
	}
}

func errClosed() error { return fault.New(fault.Locked, "the session has ended, please sign in again") }
