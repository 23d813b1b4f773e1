package office

import (
	"encoding/xml"
	"errors"
	"path"
	"slices"
	"strings"
)

// openXML writes the text of an Office Open XML document.
func openXML(c Container, w *writer) error {
	names := slices.DeleteFunc(slices.Clone(c.Names()), func(n string) bool { return rank(n) < 0 })
	slices.SortStableFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return natural(a, b)
	})
	var errs []error
	for _, name := range names {
		w.part('\n')
		var h handler = &markup{w: w, sheet: strings.HasPrefix(name, "xl/worksheets/")}
		if path.Dir(name) == "docProps" {
			h = &properties{w: w}
		}
		err := member(c, name, w, h)
		if errors.Is(err, ErrFull) {
			return err
		}
		errs = append(errs, err) // what is damaged hides nothing of the rest
	}
	return errors.Join(errs...)
}

// rank is the place of a member's text in that of the document; negative of members
// without text. Relations, styles and themes have none that people read.
func rank(name string) int {
	dir, file := path.Split(name)
	if path.Ext(file) != ".xml" {
		return -1
	}
	switch dir {
	case "docProps/":
		if file == "core.xml" {
			return 0
		}
	case "word/":
		for i, stem := range []string{"header", "document", "footer", "footnotes", "endnotes", "comments"} {
			if strings.HasPrefix(file, stem) {
				return 1 + i
			}
		}
	case "xl/":
		for i, stem := range []string{"workbook", "sharedStrings", "comments"} {
			if strings.HasPrefix(file, stem) {
				return 1 + i
			}
		}
	case "xl/worksheets/", "ppt/slides/":
		return 8
	case "ppt/notesSlides/", "ppt/comments/", "xl/threadedComments/", "xl/tables/":
		return 9
	case "word/charts/", "xl/charts/", "ppt/charts/", "word/diagrams/", "xl/diagrams/", "ppt/diagrams/", "xl/drawings/":
		return 10
	}
	return -1
}

// natural orders slide2 before slide10.
func natural(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// markup writes the text of one part, whichever of the three kinds of documents it is
// of: the elements with text are called t in all of them, what ends a line is p, si,
// row, tr or br.
type markup struct {
	w     *writer
	sheet bool
	open  bool // the text of this element counts
	skip  int  // elements around that are not read: how to pronounce a cell
	value bool // the cell's value is what it shows
}

func (m *markup) start(e xml.StartElement) {
	m.open = false
	switch e.Name.Local {
	case "t":
		m.open = m.skip == 0
	case "v":
		m.open = m.value || !m.sheet // a chart's values
	case "c":
		if m.sheet {
			// Of type s the value is a number in the list of shared strings.
			kind := attribute(e, "t")
			m.value = kind != "s" && kind != "b" && kind != "e"
			m.w.part('\t')
		}
	case "sheet":
		m.w.part('\n')
		m.w.write(attribute(e, "name"))
	case "tab":
		m.w.part('\t')
	case "rPh":
		m.skip++
	case "p", "si", "row", "tr", "br", "cr", "text", "pt":
		m.w.part('\n')
	case "tc":
		m.w.part('\t')
	}
}

func (m *markup) end(name string) {
	m.open = false
	switch name {
	case "rPh":
		m.skip = max(0, m.skip-1)
	case "p", "si", "row", "tr":
		m.w.part('\n')
	case "c", "tc":
		m.w.part('\t')
	}
}

func (m *markup) text(s []byte) {
	if m.open {
		m.w.write(string(s))
	}
}
