package visit

import (
	"context"

	"siegel/internal/identity/brake"
	"siegel/internal/identity/credential"
)

// ChangePassword gives the visitor another password, once she has shown that she knows the
// one that she has: an open session alone could be somebody else's who sits at her desk. All
// her other sessions end. It fails with kind Invalid where the new one is not good enough
// (AU-02, AU-03), with a [brake.Held], and with kind Denied where the old one is wrong.
func (r *Room) ChangePassword(ctx context.Context, from Visitor, v *Visit, old, fresh []byte) error {
	if err := credential.CheckPassword(fresh); err != nil {
		return err
	}
	try := brake.Try{Email: v.Account().Email, Peer: from.Peer, Device: from.Device}
	if err := r.Brake.Begin(ctx, try); err != nil {
		return err
	}
	s, err := r.Identity.SignIn(ctx, v.TenantName(), v.Account().Email, old)
	if err != nil {
		return err
	}
	s.Close()
	if _, err := r.Brake.Succeed(ctx, try); err != nil {
		return err
	}
	return r.Identity.ChangePassword(ctx, v.Session, fresh)
}
