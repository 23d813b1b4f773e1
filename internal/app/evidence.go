package app

import (
	"context"
	"os"
	"path/filepath"

	"siegel/internal/app/config"
	"siegel/internal/app/place"
	"siegel/internal/app/testparts"
	"siegel/internal/archive"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/run"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/signing"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/seal/master"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/internal/vault/stamp/client"
)

// Evidence is what signs, stamps and proves.
type Evidence struct {
	Signer       *signing.Signer
	Checkpointer *ledger.Checkpointer
	Stamper      *stamping.Queue // nil where no authority is configured
	Stamps       stamp.Verifier
	Roots        string // file of the roots that timestamps must lead to; empty without an authority
	Notary       *archive.Notary
}

// createLedgerKey makes the key that signs the instance's logs.
func createLedgerKey(dir, name string) error {
	held, err := master.Open(filepath.Join(dir, place.FileMaster), secret.NewArena(1))
	if err != nil {
		return err
	}
	k, err := signing.Create(name, held)
	if err != nil {
		return err
	}
	pem, err := k.Public.PEM()
	if err != nil {
		return err
	}
	if err := durable.CreateFile(filepath.Join(dir, place.FileLedgerKey), k.Box, 0o400); err != nil {
		return err
	}
	if err := durable.CreateFile(filepath.Join(dir, place.FileLedgerPEM), pem, 0o444); err != nil {
		return err
	}
	return durable.CreateFile(filepath.Join(dir, place.FileLedgerPub), []byte(k.Public.String()+"\n"), 0o444)
}

// openLedger opens the signing key and the ledger, which believes what that key
// signed.
func (a *App) openLedger() error {
	a.Evidence = &Evidence{}
	box, err := os.ReadFile(a.path(place.FileLedgerKey))
	if err != nil {
		return &fault.Error{Kind: fault.NotFound, Public: "the file %s cannot be read: put it back from the copy; without it no checkpoint can be signed", Args: []any{a.path(place.FileLedgerKey)}, Cause: err}
	}
	if a.Evidence.Signer, err = signing.Open(a.Instance.Name, box, a.Master); err != nil {
		return err
	}
	a.Ledger = ledger.New(ledger.Config{Instance: a.Instance.Name, Now: a.Now, Signer: a.Evidence.Signer, Guard: a.Store, MAC: a.Master})
	return nil
}

// openEvidence opens what signs checkpoints and the timestamp authority.
func (a *App) openEvidence(ctx context.Context) error {
	e := a.Evidence
	if err := a.Ledger.Ensure(ctx, a.DB.Instance(), ledger.Instance); err != nil {
		return err
	}
	e.Checkpointer = ledger.NewCheckpointer(ledger.CheckpointerDeps{
		DB: a.DB, Ledger: a.Ledger,
		Tenants: a.tenantIDs, Now: a.Now, Every: a.Config.Ledger.CheckpointEvery, Log: a.Log, Watch: a.Watch,
	})
	return a.openAuthority(e)
}

func (a *App) openAuthority(e *Evidence) error {
	var reach stamping.Authority
	switch u := a.Config.Timestamps.URL; u {
	case "":
		return nil
	case config.TestAuthority:
		dir := a.path(filepath.Join(config.DirTest, testparts.Authority))
		t, err := authority.Open(dir, a.Now)
		if err != nil {
			return fault.Because(fault.Damaged, "the test authority cannot be read", err)
		}
		reach, e.Stamps.Roots, e.Roots = t, t.Roots(), filepath.Join(dir, "root.pem")
	default:
		c, err := client.New(u)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(a.Config.Timestamps.Roots)
		if err != nil {
			return fault.Because(fault.Invalid, "the root certificates of the timestamp authority cannot be read", err)
		}
		if e.Stamps.Roots, err = stamp.ParseCertificates(b); err != nil {
			return fault.Because(fault.Invalid, "the root certificates of the timestamp authority cannot be read", err)
		}
		reach, e.Roots = c, a.Config.Timestamps.Roots
	}
	e.Stamper = stamping.New(stamping.Deps{DB: a.DB, Authority: reach, Verifier: e.Stamps, Key: e.Signer.Key(), Now: a.Now, Log: a.Log})
	return nil
}

// tenantIDs lists the tenants for the checkpointer.
func (a *App) tenantIDs(ctx context.Context) (ids []mail.TenantID, err error) {
	list, err := a.Identity.Tenants(ctx)
	for _, t := range list {
		ids = append(ids, t.ID)
	}
	return ids, err
}

// checkEvidence refuses to serve where the instance's log does not extend what
// was signed of it, or where the clock is behind. Tenants whose logs are damaged
// are shut, and the others served.
func (a *App) checkEvidence(ctx context.Context) error { return a.Evidence.Checkpointer.Start(ctx) }

// Damaged implements [console.Evidence].
func (a *App) Damaged(ctx context.Context) (map[mail.TenantID]error, error) {
	damaged, err := a.Evidence.Checkpointer.Check(ctx)
	if err != nil {
		return nil, err
	}
	tenants, err := a.tenantIDs(ctx)
	for _, id := range tenants {
		// Who mends the database of a running server has to start it again.
		if err := a.Ledger.Shut(id); err != nil {
			damaged[id] = err
		}
	}
	return damaged, err
}

// router says whose mail a domain's is. That of a tenant that is shut waits with
// its senders.
type router struct{ *App }

// Tenant implements [receive.Router].
func (r router) Tenant(ctx context.Context, d mail.Domain) (mail.TenantID, error) {
	id, err := r.Identity.Tenant(ctx, d)
	if err == nil {
		err = r.Ledger.Shut(id)
	}
	return id, err
}

func (a *App) evidenceServices() []run.Service {
	list := []run.Service{{Name: "checkpoint", Run: a.Evidence.Checkpointer.Run}}
	if a.Evidence.Stamper != nil {
		list = append(list, run.Service{Name: "timestamp", Run: a.Evidence.Stamper.Run})
	}
	return list
}

// ProofNow signs and stamps at once whatever is committed: for the demo, and
// for who cannot wait for the next checkpoint.
func (a *App) ProofNow(ctx context.Context) error {
	if err := a.Evidence.Checkpointer.CheckpointNow(ctx); err != nil {
		return err
	}
	if a.Evidence.Stamper == nil {
		return fault.New(fault.Invalid, "no timestamp authority is configured: set timestamps.url")
	}
	return a.Evidence.Stamper.StampNow(ctx)
}
