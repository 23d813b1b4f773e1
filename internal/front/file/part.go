package file

import (
	"io"
	"net/http"
	"strings"

	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/proto/document"
	"siegel/internal/proto/mime"
)

// Attachment is what is attached to a message, as it is listed.
type Attachment struct {
	Path string // names the part, as IMAP does
	Name string // as it can be shown
	Type string // as its sender calls it
	True string // as its first octets are; empty where that is the same, or cannot be told
	Odd  bool   // its name has characters that turn or hide what it says
	Size int64  // octets, decoded
	// Unread is why no search finds its text, or not all of it; empty where it is found, or
	// where it has none.
	Unread  document.State
	Waiting bool // its text was not read yet: a search finds it later
}

// Attachments lists the attachments of a message that was read. kinds are what the first
// octets of its parts say, by their paths; reads is how their text was read for searches.
func Attachments(m *mime.Message, kinds map[string]*Sniffed, reads record.Reads) (list []Attachment) {
	for i := range m.Parts {
		p := &m.Parts[i]
		if !p.IsAttachment() {
			continue
		}
		a := Attachment{Path: p.Path, Type: p.Type, Size: p.Size}
		a.Name, a.Odd = PlainName(called(p))
		a.Unread, a.Waiting = reads.Of(p.Path, p.FileName, p.Type)
		if k := kinds[p.Path]; k != nil {
			a.True = k.Differs(p.Type)
		}
		list = append(list, a)
	}
	return list
}

// Limits of what is read of a message to be shown.
func Limits() mime.Limits { return mime.Limits{Header: 64 << 10, Parts: 1000, Text: 1 << 20} }

// octets is the type that every attachment is sent with: what it is decides who gets it,
// and no program by itself.
const octets = "application/octet-stream"

// Part sends the attachment of a message that a path names, decoded; a message that lies in
// another one, as it is there. open opens the message: it is called a second time where
// that one is asked for, because where it lies is known only when the outer one was read.
//
// It fails as open does, and with kind NotFound where the message has no such attachment.
// Where sent is true the head of the answer was written before something went wrong: it
// has to be broken off.
func Part(w http.ResponseWriter, path string, open func() (io.ReadCloser, error)) (sent bool, err error) {
	m, err := open()
	if err != nil {
		return false, err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	to := &Late{W: w, Kind: octets}
	parsed, err := mime.Read(m, Limits(), func(p *mime.Part) io.WriteCloser {
		if p.Path != path || p.Content == mime.Embedded || !p.IsAttachment() || to.Name != "" {
			return nil
		}
		to.Name = saved(p)
		return to
	})
	switch {
	case err != nil:
		return to.Sent(), err
	case to.Name == "":
		return inner(to, parsed, path, open)
	case !to.Sent(): // it is empty
		_, err = to.Write(nil)
	}
	return to.Sent(), err
}

// inner sends a message that lies in another one.
func inner(to *Late, m *mime.Message, path string, open func() (io.ReadCloser, error)) (sent bool, err error) {
	var found mime.Part
	for _, p := range m.Parts {
		if p.Path == path && p.IsAttachment() {
			found = p
		}
	}
	if found.Path == "" {
		return false, fault.New(fault.NotFound, "the message has no such attachment")
	}
	r, err := open()
	if err != nil {
		return false, err
	}
	defer func() { _ = r.Close() }() // reading has said what there is to say
	if to.Name = saved(&found); !strings.Contains(to.Name, ".") {
		to.Name += ".eml"
	}
	if _, err = io.CopyN(io.Discard, r, found.Start); err == nil {
		_, err = io.CopyN(to, r, found.End-found.Start)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, r) // to the end, where a difference is found
	}
	if err == nil && !to.Sent() { // it is empty
		_, err = to.Write(nil)
	}
	return to.Sent(), err
}
