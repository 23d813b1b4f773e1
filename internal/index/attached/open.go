package attached

import (
	"context"

	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/document"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Open opens a second record by its message's key. One that does not open, and one that
// will never come, says that something could not be read: the message is found by the rest.
func Open(key *seal.Opened, row Row) (a record.Attachments, err error) {
	lost := record.Attachments{Version: record.AttachmentsVersion, Texts: []record.AttachmentText{{State: document.Failed}}}
	if row.Box == nil {
		return lost, nil
	}
	plain, err := key.OpenAttachments(row.Box, record.MaxAttachmentsSize)
	if err == nil {
		a, err = record.ParseAttachments(plain)
		clear(plain)
	}
	if damaged(err) {
		return lost, nil
	}
	return a, err
}

// Of gets and opens the second record of a message; waiting says that there is none yet.
func Of(ctx context.Context, t db.Tenant, message mail.ID, key *seal.Opened) (a record.Attachments, waiting bool, err error) {
	row, err := Get(ctx, t, message)
	if err != nil || row.Seq == 0 {
		return a, err == nil, err
	}
	a, err = Open(key, row)
	return a, false, err
}

// Check opens the second record of a message, where there is one: what it says is not
// compared, since readers of documents change. It fails with kind Damaged where it does not
// open.
func Check(ctx context.Context, t db.Tenant, message mail.ID, key *seal.Opened) error {
	row, err := Get(ctx, t, message)
	if err != nil || row.Box == nil {
		return err
	}
	plain, err := key.OpenAttachments(row.Box, record.MaxAttachmentsSize)
	if err == nil {
		_, err = record.ParseAttachments(plain)
		clear(plain)
	}
	if damaged(err) {
		return fault.Because(fault.Damaged, "the text of the message's attachments does not open: no search finds it", err)
	}
	return err
}

// damaged reports whether an error says that a record is not as it was.
func damaged(err error) bool {
	kind := fault.Of(err)
	return err != nil && (kind == fault.Damaged || kind == fault.NotFound)
}
