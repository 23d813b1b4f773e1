package demo

import (
	"context"

	"siegel/internal/identity"
)

func (d *demo) prove(context.Context, *identity.Session, []*message) error {
	d.sum.Verified = d.sum.Archived
	return nil
}
