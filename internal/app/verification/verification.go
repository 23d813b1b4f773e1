// Package verification checks what an instance keeps against its ledger, as commands and
// pages ask for it, and hands it to strangers: proofs and exports.
package verification

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"time"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/flow/tally"
	"siegel/internal/front/console"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/export"
	"siegel/internal/vault/ledger/verified"
	"siegel/internal/vault/seal"
)

// Deps are the rooms that it looks into.
type Deps struct {
	DB       *db.DB
	Store    blob.Register
	Vault    *seal.Vault
	Ledger   *ledger.Ledger
	Identity *identity.Identity
	Archive  *archive.Archive
	Index    *index.Index
	Tally    *tally.Room
	Notary   *archive.Notary
	Key      checkpoint.Key
	Stamps   bundle.Stamps // nil without an authority
	Every    time.Duration // between two checkpoints
	Now      func() time.Time
}

// Verifier verifies. Use it from many goroutines.
type Verifier struct{ Deps }

// New returns a verifier.
func New(d Deps) *Verifier { return &Verifier{d} }

// Proof implements [console.Evidence].
func (a *Verifier) Proof(ctx context.Context, s *identity.Session, of archive.ProofOf, w io.Writer) error {
	return a.Notary.Proof(ctx, s, of, w)
}

// Provable says whether a message can be proven by now: see [archive.Notary.Ready].
func (a *Verifier) Provable(ctx context.Context, s *identity.Session, id mail.ID) error {
	return a.Notary.Ready(ctx, s, id)
}

// VerifyLedger implements [console.Evidence].
func (a *Verifier) VerifyLedger(ctx context.Context, tenant mail.TenantID) ([]console.Verified, error) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	list, err := a.verifyLogs(ctx, mail.TenantID{}, "")
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		if !tenant.IsZero() && t.ID != tenant {
			continue
		}
		logs, err := a.verifyLogs(ctx, t.ID, t.Name)
		if err != nil {
			return nil, err
		}
		packs := console.Verified{Tenant: t.Name, Log: "packs", Depth: string(archive.Sealed), Problems: []console.Problem{}}
		packs.Entries, err = a.Archive.VerifySealed(ctx, a.DB.Tenant(t.ID), collect(&packs))
		if err != nil {
			return nil, err
		}
		records, err := a.verifyRecords(ctx, t.ID, t.Name)
		if err != nil {
			return nil, err
		}
		rows, err := a.Rows(ctx, t.ID, t.Name)
		if err != nil {
			return nil, err
		}
		counts, err := a.verifyTally(ctx, t.ID, t.Name)
		if err != nil {
			return nil, err
		}
		of := append(logs, packs, records, rows, counts)
		if err := a.noteVerified(ctx, t.ID, of); err != nil {
			return nil, err
		}
		list = append(list, of...)
	}
	lost, err := a.Identity.Lost(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range lost {
		// Its logs are there, and nobody asks for them without the row.
		rows, err := a.Rows(ctx, id, id.String())
		if err != nil {
			return nil, err
		}
		list = append(list, rows)
	}
	return list, nil
}

// noteVerified remembers what was found about a tenant, for the page that says how the
// archive is. Where the database takes nothing now, the result is worth having all the same.
func (a *Verifier) noteVerified(ctx context.Context, id mail.TenantID, of []console.Verified) error {
	l := verified.Last{At: a.Now()}
	for _, v := range of {
		l.Entries, l.Problems = l.Entries+v.Entries, l.Problems+int64(v.Found)
	}
	err := verified.Note(ctx, a.DB.Tenant(id), l)
	if fault.Of(err) == fault.Busy {
		return nil
	}
	return err
}

// verifyRecords checks that every message has an index record where its row says.
func (a *Verifier) verifyRecords(ctx context.Context, id mail.TenantID, name string) (console.Verified, error) {
	v := console.Verified{Tenant: name, Log: "index", Depth: string(archive.Sealed), Problems: []console.Problem{}}
	check, found := a.Index.Check(a.DB.Tenant(id)), collect(&v)
	err := a.Archive.Each(ctx, a.DB.Tenant(id), func(leaf int64, message mail.ID) error {
		v.Entries++
		err := check.Sealed(ctx, message)
		if fault.Of(err) == fault.Damaged && err != nil {
			found(archive.Finding{Index: leaf, Message: message, Err: err})
			return nil //nolint:nilerr // it is the finding
		}
		return err
	})
	return v, err
}

// Rows compares the rows that say who may do what, who can read and where
// mail goes with what stands in the audit log.
func (a *Verifier) Rows(ctx context.Context, id mail.TenantID, name string) (console.Verified, error) {
	v := console.Verified{Tenant: name, Log: "access", Depth: string(archive.Sealed), Problems: []console.Problem{}}
	t := a.DB.Tenant(id)
	for try := 1; ; try++ {
		standing, err := a.Ledger.Standing(ctx, t, ledger.Audit)
		if fault.Of(err) == fault.Damaged && err != nil {
			v.Add(console.Problem{Index: -1, Err: err})
			return v, nil //nolint:nilerr // it is the finding
		}
		if err != nil {
			return v, err
		}
		v.Entries = int64(len(standing))
		keys, err := a.Vault.VerifyRows(ctx, t, standing)
		if err != nil {
			return v, err
		}
		people, err := a.Identity.VerifyRows(ctx, t, standing)
		if err != nil {
			return v, err
		}
		problems := append(keys, people...)
		if len(problems) > 0 {
			// What was given or taken away between log and rows is no problem.
			again, err := a.Ledger.Standing(ctx, t, ledger.Audit)
			if err == nil && try < 10 && !maps.Equal(standing, again) {
				continue
			}
		}
		for _, p := range problems {
			v.Add(console.Problem{Index: -1, Err: p})
		}
		return v, nil
	}
}

// collect appends what an archive's check finds.
func collect(v *console.Verified) func(archive.Finding) {
	return func(f archive.Finding) { v.Add(problem(f)) }
}

func problem(f archive.Finding) console.Problem {
	p := console.Problem{Index: f.Index, Err: f.Err}
	if !f.Message.IsZero() {
		p.Message = f.Message.String()
	}
	return p
}

func (a *Verifier) verifyLogs(ctx context.Context, id mail.TenantID, name string) (list []console.Verified, err error) {
	v := ledger.Verification{Key: a.Key, Guard: a.Store, Instance: a.DB.Instance(), Stamps: a.Stamps}
	results, err := a.Ledger.Verify(ctx, a.DB.Tenant(id), v)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		one := console.Verified{
			Tenant: name, Log: r.Log, Depth: string(archive.Sealed), Entries: r.Size,
			Signed: true, Checkpoints: r.Checkpoints, Stamps: r.Stamps, Problems: []console.Problem{},
		}
		for _, p := range r.Problems {
			one.Add(console.Problem{Index: p.Index, Err: p.Err})
		}
		one.Found = r.Found
		list = append(list, one)
	}
	return list, nil
}

// VerifyOpened implements [console.Evidence].
func (a *Verifier) VerifyOpened(ctx context.Context, s *identity.Session, progress func(done, total int64)) ([]console.Verified, error) {
	messages := console.Verified{Tenant: s.TenantName(), Log: "message", Depth: string(archive.Opened), Problems: []console.Problem{}}
	records := console.Verified{Tenant: s.TenantName(), Log: "index", Depth: string(archive.Opened), Problems: []console.Problem{}}
	found := collect(&records)
	var err error
	messages.Entries, err = a.Archive.VerifyOpened(ctx, s, archive.Opening{
		Progress: progress, Found: collect(&messages),
		Inside: func(ctx context.Context, m archive.Inside) error {
			records.Entries++
			err := a.Index.CheckOpened(ctx, s, index.Opened{Message: m.ID, Arrived: m.Arrived, Size: m.Size, Parsed: m.Parsed, Key: m.Key})
			if fault.Of(err) == fault.Damaged && err != nil {
				found(archive.Finding{Index: m.Index, Message: m.ID, Err: err})
				return nil //nolint:nilerr // it is the finding
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	events := console.Verified{Tenant: s.TenantName(), Log: "audit", Depth: string(archive.Opened), Problems: []console.Problem{}}
	err = a.Identity.Audit(ctx, s, math.MaxInt64, func(audit.Entry) error { events.Entries++; return nil })
	if fault.Of(err) == fault.Damaged {
		for _, one := range single(err) {
			events.Add(console.Problem{Index: -1, Err: one})
		}
		err = nil
	}
	return []console.Verified{messages, records, events}, err
}

// single returns the errors that one was joined from.
func single(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// Export implements [console.Evidence].
func (a *Verifier) Export(ctx context.Context, tenant mail.TenantID, dir string) (console.Exported, error) {
	out := console.Exported{Dir: dir, Unsigned: []console.Unsigned{}}
	unsigned, err := export.Write(ctx, a.Ledger, a.DB.Tenant(tenant), a.Key, dir)
	if err != nil {
		return out, err
	}
	for _, log := range unsigned {
		u := console.Unsigned{Log: log}
		c, err := ledger.CoverageOf(ctx, a.DB.Tenant(tenant), log)
		if err != nil && fault.Of(err) != fault.NotFound {
			return out, err
		}
		u.Entries, u.Due = c.Size, a.due(c)
		out.Unsigned = append(out.Unsigned, u)
	}
	for _, log := range ledger.Logs(tenant) {
		c, err := ledger.CoverageOf(ctx, a.DB.Tenant(tenant), log)
		if err == nil && c.Signed > 0 && c.Signed < c.Size {
			out.Unsigned = append(out.Unsigned, console.Unsigned{Log: log, Signed: c.Signed, Entries: c.Size, Due: a.due(c)})
		} else if err != nil && fault.Of(err) != fault.NotFound {
			return out, err
		}
	}
	return out, nil
}

// due is when a log's next checkpoint is due, nil where none is.
func (a *Verifier) due(c ledger.Coverage) *time.Time {
	if at := c.Next(a.Every); !at.IsZero() {
		return &at
	}
	return nil
}

// verifyTally compares what was counted with what was entered of it, and with the
// message log.
func (a *Verifier) verifyTally(ctx context.Context, id mail.TenantID, name string) (console.Verified, error) {
	v := console.Verified{Tenant: name, Log: "tally", Depth: "sealed", Problems: []console.Problem{}}
	n, problems, err := a.Tally.Verify(ctx, a.DB.Tenant(id))
	if err != nil {
		return v, err
	}
	v.Entries = n
	w, err := a.Whole(ctx, id)
	if fault.Of(err) == fault.Damaged && err != nil {
		problems, err = append(problems, err), nil
	} else if err == nil && !w.Holds() {
		odd, err := a.Tally.Odd(ctx, id)
		if err != nil {
			return v, err
		}
		problems = append(append(problems, fault.Newf(fault.Damaged, "the sources count %d sealed messages, the message log has %d from entry %d on", w.Sealed, w.Log, w.From)), odd...)
	}
	for _, p := range problems {
		v.Add(console.Problem{Index: -1, Err: p})
	}
	return v, err
}

// Whole implements [console.Evidence].
func (a *Verifier) Whole(ctx context.Context, tenant mail.TenantID) (tally.Whole, error) {
	return a.Tally.Whole(ctx, tenant, func(ctx context.Context) (int64, error) { return a.Entries(ctx, tenant) })
}

// Entries is how many entries the message log of a tenant has.
func (a *Verifier) Entries(ctx context.Context, tenant mail.TenantID) (int64, error) {
	log, err := a.Ledger.Tree(ctx, a.DB.Tenant(tenant), ledger.Message)
	return log.Size, err
}
