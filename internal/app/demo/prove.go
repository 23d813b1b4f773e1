package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"siegel/internal/app"
	"siegel/internal/archive"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// batch is how many bundles one run of the verifier checks.
const batch = 100

// stampWait is how long the demo waits for its timestamp.
const stampWait = 2 * time.Minute

// prove signs and stamps what was delivered, writes a bundle of every message
// and has the separate verifier check it.
func (d *demo) prove(ctx context.Context, s *identity.Session, list []*message) error {
	if err := d.stamp(ctx); err != nil {
		return err
	}
	d.sum.Key, d.sum.Roots, d.sum.Bundle = app.LedgerKeyFile(d.Dir), d.app.Evidence.Roots, d.path("proof.zip")
	dir, err := os.MkdirTemp(d.path(""), "bundles-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the way of nobody
	bar := d.bar("Proving", len(list))
	var files []string
	for i, m := range list {
		if m.id != "" {
			// Equal messages to equal people are one message, counted twice.
			file := filepath.Join(dir, fmt.Sprintf("%06d-%s.zip", i, m.id))
			if err := d.bundle(ctx, s, m, file); err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(m.path), err)
			}
			files = append(files, file)
		}
		bar.step(m.size)
		if len(files) < batch && i < len(list)-1 {
			continue
		}
		if err := d.verify(ctx, files); err != nil {
			return err
		}
		for _, f := range files {
			// One bundle stays, to be looked at.
			if err := os.Rename(f, d.sum.Bundle); err != nil {
				return err
			}
		}
		files = files[:0]
	}
	bar.end()
	return nil
}

// stamp signs at once and waits for the timestamp.
func (d *demo) stamp(ctx context.Context) error {
	until := time.Now().Add(stampWait)
	for {
		err := d.app.ProofNow(ctx)
		if err == nil || time.Now().After(until) || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Second)
	}
}

// bundle writes the proof of a message.
func (d *demo) bundle(ctx context.Context, s *identity.Session, m *message, file string) error {
	id, err := mail.ParseID(m.id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(d.app.Evidence.Notary.Proof(ctx, s, archive.ProofOf{ID: id, Reason: reason}, f), f.Close())
}

// verify runs siegel-verify over bundles and counts those that it accepts.
func (d *demo) verify(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	args := append([]string{"--ledger-key", d.sum.Key, "--tsa-roots", d.sum.Roots}, files...)
	cmd := exec.CommandContext(ctx, d.Verifier, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var failed *exec.ExitError
	switch {
	case err == nil:
		d.sum.Verified += len(files)
		return nil
	case !errors.As(err, &failed):
		return fault.Because(fault.NotFound, "the verifier siegel-verify cannot be started; run make build", err)
	case len(files) > 1:
		for _, f := range files {
			if err := d.verify(ctx, []string{f}); err != nil {
				return err
			}
		}
		return nil
	default:
		d.Log.Error("a bundle was refused", "bundle", filepath.Base(files[0]), "report", out.String())
		return nil
	}
}
