package office

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"siegel/internal/proto/mime/charset"
)

// maxDepth is how many elements may lie in each other; in documents of word processors
// it is some dozen.
const maxDepth = 1000

// handler hears what an XML document has in it. Names are without their namespaces:
// prefixes are what is usual, and nothing but text depends on them.
type handler interface {
	start(e xml.StartElement)
	end(name string)
	text(s []byte)
}

// walk reads an XML document until its end or until w is full. What is no XML ends it
// with [ErrDamaged]; other errors are those of r.
func walk(r io.Reader, w *writer, h handler) error {
	source := &failing{r: r}
	d := xml.NewDecoder(source)
	d.Strict = false
	d.Entity = nil
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) { return charset.NewReader(label, in), nil }
	depth := 0
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) && source.err == nil {
			return nil
		}
		if err != nil {
			if source.err != nil {
				return source.err
			}
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: elements lie too deep", ErrDamaged)
			}
			h.start(t)
		case xml.EndElement:
			depth--
			h.end(t.Name.Local)
		case xml.CharData:
			h.text(t)
		}
		if w.full {
			return ErrFull
		}
	}
}

// failing remembers the error of a reader, which the decoder hides.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// member walks through a member of a container.
func member(c Container, name string, w *writer, h handler) error {
	r, err := c.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(walk(r, w, h), r.Close())
}

// attribute returns an attribute by its name without a namespace.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// properties writes what a document says of itself: title, subject, author, keywords.
type properties struct {
	w    *writer
	open bool
}

func (p *properties) start(e xml.StartElement) {
	switch strings.ToLower(e.Name.Local) {
	case "title", "subject", "creator", "description", "keyword", "keywords", "initial-creator":
		p.open = true
		p.w.part('\n')
	}
}

func (p *properties) end(string) { p.open = false }

func (p *properties) text(s []byte) {
	if p.open {
		p.w.write(string(s))
	}
}
