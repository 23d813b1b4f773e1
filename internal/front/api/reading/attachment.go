package reading

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/front/file"
	"siegel/internal/proto/document"
)

// attachment is what is attached to a message.
type attachment struct {
	Path string `json:"path" maxLength:"1000" example:"2.1" doc:"It names the part, as IMAP does (RFC 9051 section 6.4.5.1): by this it is fetched."`
	Name string `json:"name" doc:"Name of the file, empty where it has none. Characters that cannot be seen or that turn the direction of what follows are shown as \uFFFD."`
	Odd  bool   `json:"odd_name" doc:"The name has such characters: it hides what it is."`
	Type string `json:"type" example:"application/pdf" doc:"The type that the message says."`
	True string `json:"type_by_content,omitempty" example:"application/x-msdownload" doc:"The type that its first octets have, where that is another one; missing where it fits, or where octets do not tell."`
	Size int64  `json:"size" minimum:"0" doc:"Octets, decoded."`
	// The words are those of the format of index records (docs/formats/index.md).
	Unread  document.State `json:"unread,omitempty" enum:"encrypted,damaged,large,failed,unknown,lacking" doc:"Why no search finds its text, or not all of it: encrypted (a password is needed), damaged (or incomplete), large (beyond what is read), failed (reading it was broken off twice), unknown (files of this kind are not read), lacking (the server has no program for it; it is read when there is one). Missing where its text is found, or where it has none."`
	Waiting bool           `json:"waiting" doc:"Its text was not read yet: a search finds it later."`
}

// attachedIn names an attachment.
type attachedIn struct {
	operation.Named

	Path string `path:"path" maxLength:"1000" example:"2.1" doc:"path of the attachment, as the message lists it."`
}

// attachedReason names an attachment and why it is opened.
type attachedReason struct {
	operation.Named

	Path string `path:"path" maxLength:"1000" example:"2.1" doc:"path of the attachment, as the message lists it."`
	Body why
}

type attachedOut struct {
	Body func(huma.Context) `media:"application/octet-stream"`
}

func (r *room) attachments(tags []string) {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-attachment", Method: http.MethodGet, Path: "/messages/{id}/attachments/{path}", Tags: tags, Summary: operation.Tell("Get an attachment of a message of your own"),
		Description: operation.Tell("Decoded, whatever its type; a message that lies in another one as it is there. The audit trail has that the message was opened."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *attachedIn) (*attachedOut, error) {
		return r.attached(ctx, c, *in, "")
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "open-attachment", Method: http.MethodPost, Path: "/messages/{id}/attachments/{path}", Tags: tags, Summary: operation.Tell("Get an attachment of a message, with a reason"),
		Description: operation.Tell("For who holds the archive. Decoded, whatever its type; a message that lies in another one as it is there."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *attachedReason) (*attachedOut, error) {
		return r.attached(ctx, c, attachedIn{in.Named, in.Path}, in.Body.Reason)
	})
}

// attached sends an attachment.
func (r *room) attached(ctx context.Context, c *operation.Call, in attachedIn, reason string) (*attachedOut, error) {
	sent, err := file.Part(c.W, in.Path, func() (io.ReadCloser, error) { return r.shows(ctx, c, in.Named, reason) })
	if err != nil && sent {
		r.Broke("an attachment broke off", err)
	}
	if err != nil {
		return nil, err
	}
	return &attachedOut{Body: func(huma.Context) {}}, nil
}
