package mime

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"

	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
)

// Message is what a [Parser] found.
type Message struct {
	// Fields are the message's own header fields in order, nameless ones
	// included, within Limits.Header.
	Fields []header.Field
	// Parts are all parts in the order of the message, containers before what
	// they contain, within Limits.Parts; never empty. The first is the
	// message's own body.
	Parts []Part
	// Size is the length of the message in bytes.
	Size int64
	// Truncated says that a limit kept something out of Fields, Parts or the
	// parts' texts: what is missing can be in the message and not be found.
	Truncated bool
}

// Date returns the date that the message claims.
func (m *Message) Date() (t time.Time, ok bool) {
	for _, f := range m.Fields {
		if f.Is("Date") {
			return header.Date(f.Raw)
		}
	}
	return time.Time{}, false
}

// Text returns the text of the message's body: of all parts that are text and
// no attachments (both halves of an alternative), one per paragraph, after the
// header lines that are no fields (mbox lines aside).
func (m *Message) Text() string {
	var b strings.Builder
	for _, f := range m.Fields {
		if f.Name == "" && !strings.HasPrefix(strings.TrimPrefix(f.Value, ">"), "From ") {
			paragraph(&b, f.Value)
		}
	}
	m.texts(&b, false)
	return b.String()
}

// AttachedText returns what [Message.Text] does not: the text of attachments
// that are text, and subjects and text of embedded messages.
func (m *Message) AttachedText() string {
	var b strings.Builder
	m.texts(&b, true)
	return b.String()
}

// texts writes the text of all parts that are attached or not.
func (m *Message) texts(b *strings.Builder, attached bool) {
	inner := make([]bool, len(m.Parts)) // inside an embedded message
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Parent >= 0 {
			inner[i] = inner[p.Parent] || m.Parts[p.Parent].Content == Embedded
		}
		if attached && p.Content == Embedded {
			paragraph(b, header.Get(p.Fields, "Subject"))
		}
		if attached == (inner[i] || p.IsAttachment()) {
			paragraph(b, p.Text)
		}
	}
}

// paragraph appends text, if there is any, behind an empty line.
func paragraph(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	if b.Len() > 0 {
		b.WriteString("\n\n")
	}
	b.WriteString(text)
}

// Opaque reports whether any part has content that cannot be searched.
func (m *Message) Opaque() bool {
	for i := range m.Parts {
		if m.Parts[i].Protection.Opaque() {
			return true
		}
	}
	return false
}

// Visit is asked about each leaf when its header has been read (its Size, End
// and Text are not known yet). The decoded content is written to what it
// returns, which is closed when the leaf ends; nil means that nobody wants it.
// The Part is valid during the call only.
type Visit func(p *Part) io.WriteCloser

// Parser reads a message that is written to it, for display and search. It
// allocates what its limits allow and nothing for what lies beyond, so large
// messages cost no more memory than small ones. It is for one message and one
// goroutine.
type Parser struct {
	scan   *scanner
	limits Limits
	visit  Visit
	msg    Message

	// The tree.
	stack []node
	part  int   // index of the leaf being read, or -1
	pos   int64 // offset in the message
	block int64 // where the present header block began

	// The present header block.
	inPart      bool // it is a part's, not a message's
	disposition header.Media
	hasDispos   bool
	contentID   string
	fields      []header.Field
	budget      int    // of Limits.Header that is left
	kept        []byte // where the next field is kept

	// The present leaf.
	decoder transfer.Decoder
	buf     []byte // decoded
	collect collector
	room    int // of Limits.Text that is left
	head    []byte
	finder  armourFinder
	to      io.WriteCloser

	err    error // first error of a visitor
	closed bool
}

// node is an open container.
type node struct {
	part     int    // index in Parts, or -1 if there were too many
	prefix   string // path of its children without their number
	children int
	embedded bool
	hidden   bool // inside multipart/encrypted
}

// NewParser returns a Parser. Of the limits all but Ranges count. visit may be nil.
func NewParser(l Limits, visit Visit) *Parser {
	l = l.orDefaults()
	p := &Parser{limits: l, visit: visit, part: -1, budget: l.Header, room: l.Text}
	p.scan = newScanner(p, l.Depth, l.Header)
	return p
}

// Read reads the message that r yields, see [NewParser]. The message is never
// nil. The error is that of r or the first of a visitor's writers; for no
// content of r does Read fail.
func Read(r io.Reader, l Limits, visit Visit) (*Message, error) {
	p := NewParser(l, visit)
	err := pour(p, r)
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return p.Message(), err
}

// Write takes the next bytes of the message. It fails with the first error of
// a visitor's writer, or [io.ErrClosedPipe] behind Close.
func (p *Parser) Write(b []byte) (int, error) {
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	if p.err == nil {
		p.scan.write(b)
	}
	if p.err != nil {
		return 0, p.err
	}
	return len(b), nil
}

// Close ends the message. It returns the first error of a visitor's writer.
func (p *Parser) Close() error {
	if !p.closed {
		p.closed = true
		p.scan.end()
		p.endLeaf()
		p.msg.Size = p.pos
	}
	return p.err
}

// Message returns what was found; it is complete when Close has returned.
func (p *Parser) Message() *Message { return &p.msg }

// cut implements sink.
func (p *Parser) cut(k Kind) {
	if k == Delimiter || k == Epilogue {
		p.endLeaf()
	}
	p.inPart = p.inPart || k == Delimiter
	switch k {
	case Delimiter:
		p.block = -1 // there may be no header
	case PartHeader:
		p.block = p.pos
	}
}

// field implements sink.
func (p *Parser) field(b []byte, whole bool) {
	p.msg.Truncated = p.msg.Truncated || !whole
	if p.inPart {
		p.partField(b[:min(len(b), maxStructure)])
		return
	}
	// No field takes more than half of what is left: a giant one must not hide
	// those behind it.
	cost := max(len(b), minFieldCost)
	if cost > p.budget/2 {
		p.msg.Truncated = true
		cost = min(cost, p.budget/2)
		b = b[:min(len(b), cost)]
		if cost < minFieldCost {
			return
		}
	}
	p.budget -= cost
	f := header.New(p.keep(b))
	p.fields = append(p.fields, f)
	if f.Is("Content-Disposition") && !p.hasDispos {
		p.disposition, p.hasDispos = header.ParseMedia(f.Raw), true
	}
}

// keep returns a copy of the octets of a field. Many share a piece of memory.
func (p *Parser) keep(b []byte) []byte {
	const piece = 4 << 10
	if len(b) > cap(p.kept)-len(p.kept) {
		if len(b) > piece/4 {
			return bytes.Clone(b)
		}
		p.kept = make([]byte, 0, piece)
	}
	from := len(p.kept)
	p.kept = append(p.kept, b...)
	return p.kept[from:len(p.kept):len(p.kept)]
}

// partField takes what we want of a part's header; nothing else is kept.
func (p *Parser) partField(b []byte) {
	if hasName(b, "content-disposition:") && !p.hasDispos {
		p.disposition, p.hasDispos = header.ParseMedia(header.New(bytes.Clone(b)).Raw), true
	}
	if hasName(b, "content-id:") && p.contentID == "" {
		if ids := header.IDs(header.New(bytes.Clone(b)).Raw); len(ids) > 0 {
			p.contentID = ids[0]
		}
	}
}

// hasName reports whether a field's bytes begin with a lower-case name and colon.
func hasName(b []byte, name string) bool {
	b = bytes.TrimLeft(b, " \t")
	return len(b) >= len(name) && strings.EqualFold(string(b[:len(name)]), name)
}

// open implements sink: a header block has ended.
func (p *Parser) open(e *entity) {
	if p.block < 0 {
		p.block = p.pos
	}
	part := Part{
		Parent: -1, Type: e.mediaType(), Encoding: e.encoding,
		Charset:     header.Clip(strings.ToLower(strings.TrimSpace(e.media.Get("charset"))), 64),
		Disposition: header.Clip(p.disposition.Type, 64),
		FileName:    header.FileName(p.disposition, e.media),
		ContentID:   p.contentID,
		HeaderStart: p.block, Start: p.pos, End: p.pos,
	}
	part.Type = header.Clip(part.Type, 255)
	part.Protection = declared(part.Type, e.media)
	part.Content = Content(e.content)
	n := node{part: -1, embedded: e.content == message}
	part.Path, n.prefix = p.place(e.content)
	if top := len(p.stack) - 1; top >= 0 {
		part.Parent = p.stack[top].part
		n.hidden = p.stack[top].hidden
	}
	if n.hidden && part.Protection == Unprotected {
		part.Protection = OpenPGP
	}
	n.hidden = n.hidden || part.Protection == OpenPGP
	p.giveFields()
	if len(p.msg.Parts) < p.limits.Parts {
		n.part = len(p.msg.Parts)
		p.msg.Parts = append(p.msg.Parts, part)
	} else {
		p.msg.Truncated = true
	}
	p.inPart, p.hasDispos, p.contentID, p.disposition = false, false, "", header.Media{}
	p.block = p.pos
	if e.content == leaf {
		p.part = n.part
		p.startLeaf()
		return
	}
	p.stack = append(p.stack, n)
}

// giveFields hands the fields of a message's header to it.
func (p *Parser) giveFields() {
	if p.inPart {
		return
	}
	fields := p.fields
	p.fields = nil
	if len(p.stack) == 0 {
		p.msg.Fields = fields
		return
	}
	if i := p.stack[len(p.stack)-1].part; i >= 0 {
		p.msg.Parts[i].Fields = fields
	}
}

// place returns the path of the next part and the prefix of those inside it.
func (p *Parser) place(c content) (path, prefix string) {
	if len(p.stack) == 0 {
		if c == multipart {
			return "TEXT", ""
		}
		return "1", "1."
	}
	parent := &p.stack[len(p.stack)-1]
	if parent.embedded && c == multipart {
		return parent.prefix + "TEXT", parent.prefix
	}
	parent.children++
	path = parent.prefix + strconv.Itoa(parent.children)
	return path, path + "."
}

// shut implements sink: containers have ended.
func (p *Parser) shut(n int) {
	p.endLeaf()
	for len(p.stack) > n {
		top := len(p.stack) - 1
		if i := p.stack[top].part; i >= 0 {
			part := &p.msg.Parts[i]
			part.End = p.pos
			part.Size = part.End - part.Start
		}
		p.stack = p.stack[:top]
	}
}

// startLeaf begins the content of a leaf; p.part is it, or -1.
func (p *Parser) startLeaf() {
	if p.part < 0 {
		return
	}
	part := &p.msg.Parts[p.part]
	p.decoder = transfer.NewDecoder(part.Encoding)
	p.collect.start(part, p.room)
	p.head, p.finder = p.head[:0], armourFinder{}
	if p.visit != nil && p.err == nil {
		p.to = p.visit(part)
	}
}

// data implements sink.
func (p *Parser) data(b []byte) {
	p.pos += int64(len(b))
	if p.part < 0 {
		return
	}
	if p.decoder != nil {
		p.buf = p.decoder.Decode(p.buf[:0], b)
		b = p.buf
	}
	p.content(b)
}

// content takes decoded content of the present leaf.
func (p *Parser) content(b []byte) {
	part := &p.msg.Parts[p.part]
	part.Size += int64(len(b))
	p.collect.write(b)
	if p.collect.on {
		p.finder.write(b)
	}
	if room := sniffed - len(p.head); room > 0 {
		p.head = append(p.head, b[:min(len(b), room)]...)
	}
	if p.to != nil && p.err == nil && len(b) > 0 {
		_, p.err = p.to.Write(b)
	}
}

// endLeaf ends the present leaf, if there is one.
func (p *Parser) endLeaf() {
	if p.part < 0 {
		return
	}
	if p.decoder != nil {
		p.content(p.decoder.End(p.buf[:0]))
	}
	part := &p.msg.Parts[p.part]
	part.End = p.pos
	if p.collect.on {
		var whole bool
		part.Text, whole = p.collect.text(part.Charset, p.room)
		part.Cut = !whole
		p.msg.Truncated = p.msg.Truncated || !whole
		p.room -= len(part.Text)
	}
	switch {
	case mayBeCMS(part):
		part.Protection = sniffCMS(p.head, part.Protection)
	case p.finder.found && part.Protection == Unprotected:
		part.Protection = OpenPGPInline
	}
	if p.to != nil {
		if err := p.to.Close(); p.err == nil {
			p.err = err
		}
	}
	p.part, p.decoder, p.to = -1, nil, nil
}
