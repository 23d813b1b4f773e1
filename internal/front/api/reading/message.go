package reading

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"siegel/internal/archive"
	"siegel/internal/front/api/operation"
	"siegel/internal/front/api/problem"
	"siegel/internal/front/file"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/plain"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// message is an opened message.
type message struct {
	ID          string        `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The message's id in this archive."`
	Arrived     time.Time     `json:"arrived" doc:"When it was archived."`
	Sent        *time.Time    `json:"sent,omitempty" doc:"When it was sent, as it says itself; missing where it says nothing."`
	Subject     string        `json:"subject" doc:"The subject, decoded. Characters that cannot be seen or that turn the direction of what follows are shown as \uFFFD."`
	Size        int64         `json:"size" minimum:"0" doc:"Octets as received."`
	SHA256      string        `json:"sha256" minLength:"64" maxLength:"64" doc:"SHA-256 of the octets as received, in hexadecimal digits, as entered in the ledger on arrival."`
	Source      string        `json:"source,omitempty" maxLength:"1000" doc:"Where it came from: door, peer, TLS version, and id and mark of a registered source. For who holds the archive."`
	Fields      []headerField `json:"fields" maxItems:"10000" doc:"All fields of the header, decoded, in their order."`
	Odd         bool          `json:"odd_header" doc:"Some field has such characters: they turn or hide what it says."`
	Text        string        `json:"text" doc:"The text of all parts that have some, 1 MiB at most."`
	Cut         bool          `json:"cut" doc:"Some text or some fields are not in this answer; the raw message has them."`
	Opaque      bool          `json:"opaque" doc:"It is encrypted for somebody: there is no text to show."`
	Attachments []attachment  `json:"attachments" maxItems:"1000" doc:"What is attached."`
}

type headerField struct {
	Name  string `json:"name" doc:"Name of the field, as it was written."`
	Value string `json:"value" doc:"Its value, decoded. Characters that cannot be seen or that turn the direction of what follows are shown as \uFFFD."`
}

type messageOut struct {
	Body message
}

// reasoned names a message and why it is opened.
type reasoned struct {
	operation.Named

	Body why
}

// why is why a message is opened.
type why struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" example:"case 17" doc:"Why it is opened. It is kept in the audit trail, sealed to who holds the archive."`
}

type rawOut struct {
	Body func(huma.Context) `media:"message/rfc822"`
}

type proofOut struct {
	Body func(huma.Context) `media:"application/zip"`
}

func noMessage() error { return fault.New(fault.NotFound, "there is no such message for you") }

func (r *room) messages() {
	tags := []string{"messages"}
	r.searching(tags)
	r.attachments(tags)
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-message", Method: http.MethodGet, Path: "/messages/{id}", Tags: tags, Summary: operation.Tell("Read a message of your own"),
		Description: operation.Tell("The audit trail has that it was opened before you get anything. Another's takes a reason: open it by POST."),
	}, operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*messageOut, error) {
		return r.open(ctx, c, *in, "")
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "open-message", Method: http.MethodPost, Path: "/messages/{id}/open", Tags: tags, Summary: operation.Tell("Read a message, with a reason"),
		Description: operation.Tell("For who holds the archive. The audit trail has it, with the reason, before you get anything."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *reasoned) (*messageOut, error) {
		return r.open(ctx, c, in.Named, in.Body.Reason)
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-raw-message", Method: http.MethodGet, Path: "/messages/{id}/raw", Tags: tags, Summary: operation.Tell("Get the octets of a message of your own"),
		Description: operation.Tell("Exactly as received."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*rawOut, error) {
		return r.raw(ctx, c, *in, "")
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "open-raw-message", Method: http.MethodPost, Path: "/messages/{id}/raw", Tags: tags, Summary: operation.Tell("Get the octets of a message, with a reason"),
		Description: operation.Tell("For who holds the archive. Exactly as received."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *reasoned) (*rawOut, error) {
		return r.raw(ctx, c, in.Named, in.Body.Reason)
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-proof", Method: http.MethodGet, Path: "/messages/{id}/proof", Tags: tags, Summary: operation.Tell("Get the proof of a message of your own"),
		Description: operation.Tell("A bundle (ZIP) that siegel-verify checks without this server. 503 where no timestamp covers the message yet."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*proofOut, error) {
		return r.proof(ctx, c, *in, "")
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "open-proof", Method: http.MethodPost, Path: "/messages/{id}/proof", Tags: tags, Summary: operation.Tell("Get the proof of a message, with a reason"),
		Description: operation.Tell("For who holds the archive. A bundle (ZIP) that siegel-verify checks without this server. 503 where no timestamp covers the message yet."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *reasoned) (*proofOut, error) {
		return r.proof(ctx, c, in.Named, in.Body.Reason)
	})
}

// shows opens a message for a call.
func (r *room) shows(ctx context.Context, c *operation.Call, n operation.Named, reason string) (*archive.Message, error) {
	id, err := n.Thing(noMessage())
	if err != nil {
		return nil, err
	}
	m, err := r.Archive.Show(ctx, c.Visit, id, reason)
	return m, needsReason(err)
}

// needsReason says in words of this door that a reason is missing: that is all that can be
// wrong with how a message is asked for.
func needsReason(err error) error {
	if fault.Of(err) != fault.Invalid {
		return err
	}
	return &problem.Error{Name: "reason", Public: fault.Because(fault.Invalid, "this message is not yours: opening it takes a reason, which is kept in the audit trail", err)}
}

func (r *room) open(ctx context.Context, c *operation.Call, n operation.Named, reason string) (*messageOut, error) {
	m, err := r.shows(ctx, c, n, reason)
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	kinds := make(map[string]*file.Sniffed)
	p, err := mime.Read(m, file.Limits(), func(p *mime.Part) io.WriteCloser {
		if !p.IsAttachment() {
			return nil
		}
		kinds[p.Path] = &file.Sniffed{}
		return kinds[p.Path]
	})
	if err != nil {
		return nil, err
	}
	reads, err := r.Index.Reads(ctx, c.Visit, m.ID)
	if err != nil {
		return nil, err
	}
	out := &messageOut{Body: message{
		ID: m.ID.String(), Arrived: mail.FromMicros(m.Arrived), Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]), Source: m.Source,
		Subject: plain.Shown(strings.TrimSpace(header.Get(p.Fields, "Subject"))), Text: p.Text(), Opaque: p.Opaque(), Cut: p.Truncated,
		Fields: []headerField{}, Attachments: []attachment{},
	}}
	if sent, ok := p.Date(); ok {
		out.Body.Sent = operation.Ptr(sent.UTC())
	}
	for _, f := range p.Fields {
		value, odd := plain.Text(f.Value)
		out.Body.Fields, out.Body.Odd = append(out.Body.Fields, headerField{plain.Shown(f.Name), value}), out.Body.Odd || odd
	}
	for i := range p.Parts {
		out.Body.Cut = out.Body.Cut || p.Parts[i].Cut
	}
	for _, one := range file.Attachments(p, kinds, reads) {
		out.Body.Attachments = append(out.Body.Attachments, attachment{one.Path, one.Name, one.Odd, one.Type, one.True, one.Size, one.Unread, one.Waiting})
	}
	return out, nil
}

// raw sends a message as it was received.
func (r *room) raw(ctx context.Context, c *operation.Call, n operation.Named, reason string) (*rawOut, error) {
	m, err := r.shows(ctx, c, n, reason)
	if err != nil {
		return nil, err
	}
	return &rawOut{Body: func(ctx huma.Context) {
		defer func() { _ = m.Close() }() // reading has said what there is to say
		_, w := humago.Unwrap(ctx)
		h := w.Header()
		h.Set("Content-Type", "message/rfc822")
		h.Set("Content-Disposition", `attachment; filename="`+m.ID.String()+`.eml"`)
		h.Set("Content-Length", strconv.FormatInt(m.Size, 10))
		if _, err := io.Copy(file.Steps(w), m); err != nil {
			r.Broke("a message broke off", err)
		}
	}}, nil
}

// proof sends the bundle that proves a message to strangers (EV-04).
func (r *room) proof(ctx context.Context, c *operation.Call, n operation.Named, reason string) (*proofOut, error) {
	id, err := n.Thing(noMessage())
	if err != nil {
		return nil, err
	}
	w := &file.Late{W: c.W, Name: "siegel-" + id.String() + ".zip", Kind: "application/zip"}
	err = r.Prove(ctx, c.Session, archive.ProofOf{ID: id, Reason: reason}, w)
	if err != nil && w.Sent() {
		r.Broke("a proof broke off", err)
	}
	if err != nil {
		return nil, needsReason(err)
	}
	return &proofOut{Body: func(huma.Context) {}}, nil
}
