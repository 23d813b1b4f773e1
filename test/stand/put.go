package stand

import (
	"context"
	"fmt"
	"time"

	"siegel/internal/app"
	"siegel/internal/flow"
	"siegel/internal/mail"
)

// Put takes a message in as if it had arrived at a time, on the path that mail takes,
// without a door, and returns its id.
func Put(ctx context.Context, a *app.App, arrived time.Time, octets []byte, to ...string) (_ mail.ID, err error) {
	tenant, err := a.Identity.Tenant(ctx, Domain)
	if err != nil {
		return mail.ID{}, err
	}
	sheet := a.Spool.New()
	defer func() { _ = sheet.Close() }() // its body was read
	if _, err := sheet.Write(octets); err != nil {
		return mail.ID{}, err
	}
	body, err := sheet.Body()
	if err != nil {
		return mail.ID{}, err
	}
	p := &flow.Passage{
		ID: mail.NewID(), Tenant: tenant, Arrived: mail.Time(arrived), Body: body,
		Source: mail.Source{Door: "lmtp", Peer: "stand"}, Envelope: mail.Envelope{From: "sender@elsewhere.example", To: to},
	}
	if err := a.Flow.Incoming(ctx, p); err != nil {
		return mail.ID{}, err
	}
	if p.Receipt.Duplicate {
		return mail.ID{}, fmt.Errorf("stand: taken for a retry of %s", p.Receipt.Message)
	}
	return p.ID, nil
}

// Committing commits what [Put] takes in until it is stopped.
func Committing(ctx context.Context, a *app.App) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Commit.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}
