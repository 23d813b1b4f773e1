package archive

import (
	"context"
	"errors"
	"io"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/mime"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/sequence"
)

// regrantBatch is how many messages are wrapped in one transaction.
const regrantBatch = 200

// maxHeader is how much of a message is read for its addresses, in octets.
const maxHeader = 1 << 20

// Regrant wraps older mail that bears a person's addresses for her, in the
// session of a keeper. It may be repeated and interrupted: messages she has are
// left out. progress hears how many of the archive's messages were looked at.
// It returns how many she gained.
func (a *Archive) Regrant(ctx context.Context, s Reader, to mail.Owner, progress func(done, total int64)) (gained int64, err error) {
	return a.RegrantWithin(ctx, s, to, nil, progress)
}

// RegrantWithin does what Regrant does. within, which may be nil, ends each transaction in
// which she gains messages, and is told how many: where it fails, she gains none of them and
// giving ends with its error.
func (a *Archive) RegrantWithin(ctx context.Context, s Reader, to mail.Owner, within func(tx *db.Tx, n int) error, progress func(done, total int64)) (gained int64, err error) {
	defer fault.Wrap(&err, "regrant")
	if !s.Unlocked().Holds(s.Archive()) {
		return 0, fault.New(fault.Denied, "only who holds the archive can give older mail")
	}
	months, err := sequence.Months(ctx, s.Tenant(), s.Archive())
	if err != nil {
		return 0, err
	}
	total, looked := int64(0), int64(0)
	for _, m := range months {
		total += m.Count
	}
	event := audit.Event{What: "archive.regrant", Who: s.Person().String(), Object: to.Holder.String(), Detail: map[string]any{"messages": total}}
	if err := a.Trail.Record(ctx, s.Tenant(), s.Archive(), event); err != nil {
		return 0, err
	}
	for _, m := range months {
		for after := int64(0); after < m.Last; {
			wraps, err := s.Unlocked().Wraps(ctx, s.Archive(), m.Month, after, regrantBatch)
			if err != nil || len(wraps) == 0 {
				return gained, err
			}
			n, err := a.regrantBatch(ctx, s, to, wraps, within)
			if err != nil {
				return gained, err
			}
			gained += int64(n)
			looked += int64(len(wraps))
			after = wraps[len(wraps)-1].Seq
			progress(looked, total)
		}
	}
	return gained, nil
}

func (a *Archive) regrantBatch(ctx context.Context, s Reader, to mail.Owner, wraps []seal.Wrap, within func(tx *db.Tx, n int) error) (int, error) {
	give := make(map[*seal.Opened]seal.Regranted)
	defer func() {
		for o := range give {
			o.Close()
		}
	}()
	for _, w := range wraps {
		key, err := s.Unlocked().OpenWrap(ctx, w, true)
		if err != nil {
			return 0, err
		}
		extra, hers, err := a.bears(ctx, s, w.Message, key, to)
		if err != nil || !hers {
			key.Close()
		}
		if err != nil {
			return 0, err
		}
		if hers {
			give[key] = seal.Regranted{Month: w.Month, Extra: extra}
		}
	}
	return s.Unlocked().Regrant(ctx, to.Holder, give, within)
}

// bears reports whether a message bears one of a person's addresses, and
// returns the openings of those in its envelope.
func (a *Archive) bears(ctx context.Context, s Reader, id mail.ID, key *seal.Opened, to mail.Owner) ([]byte, bool, error) {
	r, err := a.find(ctx, s.Tenant(), id)
	if err != nil {
		return nil, false, err
	}
	plain, err := key.OpenEvidence(r.evidence)
	if err != nil {
		return nil, false, err
	}
	evidence, err := entry.DecodeEvidence(plain)
	if err != nil {
		return nil, false, fault.Because(fault.Damaged, "the message's evidence is malformed", err)
	}
	who := audienceOf(evidence)
	if who == keepers {
		return nil, false, nil
	}
	tree := evidence.Tree()
	own, err := OwnItems(to, envelopeAddresses(evidence), evidence.Envelope,
		entry.Opening{Salt: evidence.EnvelopeSalt, Value: tree.Value()}, tree)
	if err != nil {
		return nil, false, err
	}
	if len(own) > 0 {
		return entry.EncodeOwn(own), true, nil
	}
	if who == named {
		return nil, false, nil
	}
	m, err := a.header(ctx, s, r, key)
	if err != nil {
		return nil, false, err
	}
	for _, h := range HeaderAddresses(m) {
		for _, mine := range to.Addresses {
			if h == mine {
				return nil, true, nil
			}
		}
	}
	return nil, false, nil
}

// header reads the beginning of a message for its addresses.
func (a *Archive) header(ctx context.Context, s Reader, r row, key *seal.Opened) (*mime.Message, error) {
	sealed, err := a.Store.Get(ctx, blob.PackName(s.Tenant().ID(), r.pack), r.start, r.length)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sealed.Close()) }()
	plain, err := key.Stream(sealed, r.size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	return mime.Read(io.LimitReader(plain, maxHeader), mime.Limits{Text: 1, Parts: 1}, nil)
}
