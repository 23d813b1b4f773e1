package archive

import (
	"context"
	"io"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Octets streams a message whose key is open already, with the checks of [Archive.Show],
// for a room that has entered it in the audit log itself and shows it to nobody: the
// index, when it reads attachments. Reading fails at the end where the octets are not
// those that arrived. The caller closes what it gets, and the key.
func (a *Archive) Octets(ctx context.Context, t db.Tenant, id mail.ID, key *seal.Opened) (_ io.ReadCloser, err error) {
	defer fault.Wrap(&err, "octets")
	o := &opened{key: key}
	if o.row, err = a.find(ctx, t, id); err != nil {
		return nil, err
	}
	if err := a.check(ctx, t, o); err != nil {
		return nil, err
	}
	return a.stream(ctx, t, o)
}
