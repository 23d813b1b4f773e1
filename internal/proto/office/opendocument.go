package office

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxManifest is how much of a manifest is looked through, in octets.
const maxManifest = 1 << 20

// openDocument writes the text of an OpenDocument. Header and footer lines are in the
// styles.
func openDocument(c Container, w *writer) error {
	if locked, err := encrypted(c); err != nil || locked {
		return errors.Join(err, truth(locked, ErrEncrypted))
	}
	var errs []error
	for _, name := range []string{"meta.xml", content, "styles.xml"} {
		if !slices.Contains(c.Names(), name) {
			continue
		}
		w.part('\n')
		var h handler = &body{w: w}
		if name == "meta.xml" {
			h = &properties{w: w}
		}
		err := member(c, name, w, h)
		if errors.Is(err, ErrFull) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func truth(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

// encrypted reports whether the manifest says how members are encrypted.
func encrypted(c Container) (bool, error) {
	r, err := c.Open(manifest)
	if err != nil {
		return false, err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxManifest))
	return bytes.Contains(b, []byte("encryption-data")), errors.Join(err, r.Close())
}

// body writes the text of a document: paragraphs and headings, wherever they stand.
type body struct {
	w       *writer
	in      int // paragraphs around
	deleted int // what was deleted while changes were tracked
}

// maxBlanks bounds what one element makes of blanks.
const maxBlanks = 10

func (b *body) start(e xml.StartElement) {
	switch e.Name.Local {
	case "p", "h":
		b.in++
		b.w.part('\n')
	case "s":
		n, _ := strconv.Atoi(attribute(e, "c"))
		if b.in > 0 && b.deleted == 0 {
			b.w.write(strings.Repeat(" ", min(max(n, 1), maxBlanks)))
		}
	case "tab", "table-cell":
		b.w.part('\t')
	case "line-break", "table-row":
		b.w.part('\n')
	case "table":
		b.w.part('\n')
		b.w.write(attribute(e, "name"))
		b.w.part('\n')
	case "tracked-changes":
		b.deleted++
	}
}

func (b *body) end(name string) {
	switch name {
	case "p", "h":
		b.in = max(0, b.in-1)
		b.w.part('\n')
	case "tracked-changes":
		b.deleted = max(0, b.deleted-1)
	}
}

func (b *body) text(s []byte) {
	if b.in > 0 && b.deleted == 0 {
		b.w.write(string(s))
	}
}
