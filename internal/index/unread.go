package index

import (
	"context"

	"siegel/internal/index/attached"
	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// MaxUnread is how many of a hit's attachments are named that could not be read.
const MaxUnread = 20

// Reads says what became of the attachments of a message that the session opens. Who calls
// it has entered in the audit log that the message was opened. It fails with kind NotFound
// where there is no such message for the session.
func (x *Index) Reads(ctx context.Context, s Session, message mail.ID) (r record.Reads, err error) {
	defer fault.Wrap(&err, "attachments")
	key, err := s.Unlocked().Open(ctx, message, s.Archive())
	if err != nil {
		return r, err
	}
	defer key.Close()
	a, waiting, err := attached.Of(ctx, s.Tenant(), message, key)
	r = a.Reads()
	r.Waiting = waiting
	return r, err
}
