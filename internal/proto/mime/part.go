package mime

import (
	"io"
	"strings"

	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
)

// Part is one node of a message's tree: a leaf, a multipart or an embedded
// message. All strings are valid UTF-8 without line breaks (Text excepted) and
// are the sender's claims.
type Part struct {
	// Path names the part as IMAP does (RFC 9051 section 6.4.5.1): "1",
	// "2.1.3". A multipart that is the whole body of a message, which IMAP
	// does not number, has the message's path and "TEXT": "TEXT", "2.TEXT".
	Path string
	// Parent is the index in [Message.Parts] of the node it lies in, or -1.
	Parent int
	// Content says whether the part is a leaf or has parts of its own.
	Content Content

	Type        string // media type, lower-case, defaults applied: "text/plain"
	Charset     string // charset parameter, lower-case, may be empty
	Disposition string // "inline", "attachment", another one, or empty
	FileName    string // see [header.FileName]
	ContentID   string // without angle brackets
	Encoding    transfer.Encoding

	// Fields are, of an embedded message and within Limits.Header, the fields
	// of its header.
	Fields []header.Field

	// HeaderStart, Start and End are offsets in the message: of the part's
	// header block, of its content, and behind it (without the line break
	// before the delimiter). The content is still encoded.
	HeaderStart, Start, End int64
	// Size is the length of the content decoded; of a part that is not a leaf,
	// of its bytes as they are.
	Size int64

	// Text is, of a leaf that is text and within Limits.Text, its content as
	// plain text in UTF-8, with LF as line break, without other control
	// characters than tab. HTML is reduced to its text.
	Text string
	// Cut says that Text is not all of it.
	Cut bool

	// Protection says whether the content hides something from us.
	Protection Protection
}

// Content is how the content of a part goes on.
type Content uint8

// The contents.
const (
	Leaf      Content = iota // nothing inside that we see
	Multipart                // parts, following it in the list
	Embedded                 // a message, its parts following in the list
)

// Protection is how a part is protected by end-to-end encryption or signature.
type Protection uint8

// The protections. A multipart/signed needs none: its content is readable.
const (
	Unprotected    Protection = iota
	SMIMEEncrypted            // enveloped-data or authEnveloped-data, RFC 8551 section 3.3 and 3.4
	SMIMEOpaque               // signed-data (section 3.5.2), compressed or unknown: readable once unwrapped
	OpenPGP                   // multipart/encrypted and its parts, RFC 3156 section 4
	OpenPGPInline             // text with an ASCII-armoured message, RFC 9580 section 6.2
)

// Opaque reports whether there is content inside that cannot be searched
// without a key (or, for SMIMEOpaque, without unwrapping).
func (p Protection) Opaque() bool { return p != Unprotected }

// IsAttachment reports whether people would call the part an attachment: a leaf
// or an embedded message that is declared one, has a file name, or is neither
// text nor an image shown inside HTML; never a signature.
func (p *Part) IsAttachment() bool {
	switch {
	case p.Content == Multipart:
		return false
	case p.Content == Embedded, embedded(p.Type):
		return true
	}
	switch p.Type {
	case "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
		"application/pgp-encrypted":
		return false
	}
	switch p.Disposition {
	case "", "inline":
	default:
		return true // RFC 2183 section 2.8: unknown ones are attachments
	}
	if strings.HasPrefix(p.Type, "image/") && p.ContentID != "" {
		return false
	}
	return p.FileName != "" || !isText(p.Type)
}

// isText reports whether the content of a leaf of that type is read as text:
// text but RTF, reports, messages that were not descended into, and
// multiparts that have no usable boundary.
func isText(t string) bool {
	main, _, _ := strings.Cut(t, "/")
	return main == "text" && t != "text/rtf" || main == "message" || main == "multipart"
}

// isHTML reports whether text of that type is HTML.
func isHTML(t string) bool { return t == "text/html" || t == "text/x-amp-html" }

// Open returns the decoded content of a part of the message in r, in constant
// memory; of a part that is not a leaf, its bytes as they are. Several may be
// read at once if r allows it. Errors are those of r.
func Open(r io.ReaderAt, p *Part) io.Reader {
	raw := io.NewSectionReader(r, p.Start, max(0, p.End-p.Start))
	if p.Content != Leaf {
		return raw
	}
	return transfer.NewReader(p.Encoding, raw)
}
