package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/document"
)

// AttachmentsVersion is the version of the second records that are made.
const AttachmentsVersion = 1

// Bounds of a second record, in octets and numbers.
const (
	MaxAttachments     = 200      // attachments that are read of one message
	MaxAttachmentsText = 2 << 20  // of all of them together
	MaxAttachmentsSize = 16 << 20 // when it is read back: JSON may write six octets for one
)

// Attachments is the second index record of a message: the texts of attachments that
// have to be read by a program, which is done when an open session catches up.
type Attachments struct {
	Version int              `json:"v"`
	Texts   []AttachmentText `json:"texts,omitempty"` // in the order of the message
	Cut     bool             `json:"cut,omitempty"`   // a bound kept text out
}

// AttachmentText is the text of one attachment.
type AttachmentText struct {
	Part  string         `json:"part"` // its path, as IMAP numbers parts
	Text  string         `json:"text,omitempty"`
	State document.State `json:"state,omitempty"`
}

// Worth reports whether a message may have attachments of which a second record is
// made. A record of version 1 has names alone.
func (r Record) Worth() bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return document.Worth(f.Name, f.Type) })
}

// Marshal returns the octets of a record. The caller clears them.
func (a Attachments) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the octets go into no page
	err := e.Encode(a)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// ParseAttachments reads the octets of a second record. It fails with kind Damaged.
func ParseAttachments(plain []byte) (Attachments, error) {
	var a Attachments
	err := json.Unmarshal(plain, &a)
	if err == nil && a.Version != AttachmentsVersion {
		err = fmt.Errorf("version %d", a.Version)
	}
	return a, fault.Because(fault.Damaged, "the record of a message's attachments is malformed", err)
}

// Text returns all texts.
func (a Attachments) Text() string {
	var b strings.Builder
	for _, t := range a.Texts {
		if t.Text == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(t.Text)
	}
	return b.String()
}

// Lacking reports whether an attachment waits for a program that was not installed.
func (a Attachments) Lacking() bool {
	return slices.ContainsFunc(a.Texts, func(t AttachmentText) bool { return t.State == document.Lacking })
}

// Unread reports whether an attachment, or a part of it, could not be read and never
// will be.
func (a Attachments) Unread() bool {
	return slices.ContainsFunc(a.Texts, func(t AttachmentText) bool { return t.State != document.Read && t.State != document.Lacking })
}
