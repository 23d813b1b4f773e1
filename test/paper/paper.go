// Package paper makes small documents of all kinds for tests: what stands in them is
// what the test says, and nothing of them was taken from elsewhere.
package paper

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Member is a file in a ZIP file.
type Member struct {
	Name   string
	Octets []byte
}

// Zip returns a ZIP file.
func Zip(members ...Member) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m.Name)
		if err == nil {
			_, err = w.Write(m.Octets)
		}
		if err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const head = `<?xml version="1.0" encoding="UTF-8"?>`

func types() Member {
	return Member{"[Content_Types].xml", []byte(head + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`)}
}

// Docx returns a document of a word processor with paragraphs, whose words are cut in
// two runs each, as editors do.
func Docx(paragraphs ...string) []byte {
	var b strings.Builder
	b.WriteString(head + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`)
	for _, p := range paragraphs {
		r := []rune(p)
		half := len(r) / 2
		fmt.Fprintf(&b, `<w:p><w:r><w:t xml:space="preserve">%s</w:t></w:r><w:r><w:t xml:space="preserve">%s</w:t></w:r></w:p>`,
			html.EscapeString(string(r[:half])), html.EscapeString(string(r[half:])))
	}
	b.WriteString(`</w:body></w:document>`)
	return Zip(types(), Member{"word/document.xml", []byte(b.String())})
}

// Xlsx returns a sheet with texts in a column, half of them shared strings.
func Xlsx(cells ...string) []byte {
	var shared, sheet strings.Builder
	for i, c := range cells {
		text := html.EscapeString(c)
		if i%2 == 0 {
			fmt.Fprintf(&sheet, `<row><c t="s"><v>%d</v></c></row>`, i/2)
			fmt.Fprintf(&shared, `<si><t>%s</t></si>`, text)
		} else {
			fmt.Fprintf(&sheet, `<row><c t="inlineStr"><is><t>%s</t></is></c></row>`, text)
		}
	}
	return Zip(types(),
		Member{"xl/sharedStrings.xml", []byte(head + `<sst>` + shared.String() + `</sst>`)},
		Member{"xl/worksheets/sheet1.xml", []byte(head + `<worksheet><sheetData>` + sheet.String() + `</sheetData></worksheet>`)})
}

// Pptx returns a presentation with a slide for each text.
func Pptx(slides ...string) []byte {
	members := []Member{types()}
	for i, s := range slides {
		members = append(members, Member{
			fmt.Sprintf("ppt/slides/slide%d.xml", i+1),
			[]byte(head + `<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>` + html.EscapeString(s) + `</a:t></a:r></a:p></p:sld>`),
		})
	}
	return Zip(members...)
}

// Odt returns an OpenDocument with paragraphs.
func Odt(paragraphs ...string) []byte {
	var b strings.Builder
	b.WriteString(head + `<office:document-content xmlns:office="o" xmlns:text="t"><office:body><office:text>`)
	for _, p := range paragraphs {
		b.WriteString(`<text:p>` + html.EscapeString(p) + `</text:p>`)
	}
	b.WriteString(`</office:text></office:body></office:document-content>`)
	return Zip(Member{"mimetype", []byte("application/vnd.oasis.opendocument.text")},
		Member{"content.xml", []byte(b.String())}, Member{"META-INF/manifest.xml", []byte(head + `<manifest/>`)})
}

// Rtf returns a document with paragraphs.
func Rtf(paragraphs ...string) []byte {
	var b strings.Builder
	b.WriteString(`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}`)
	for _, p := range paragraphs {
		for _, r := range p {
			if r < 0x80 {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u%d?`, int16(r))
			}
		}
		b.WriteString(`\par `)
	}
	return append([]byte(b.String()), '}')
}

// Pdf returns a page with a line for each text, of letters that windows-1252 has.
func Pdf(lines ...string) []byte { return pdf("", lines...) }

// LockedPdf returns a PDF that needs a password, which nobody knows.
func LockedPdf(lines ...string) []byte {
	secret := strings.Repeat("5a", 32)
	return pdf(fmt.Sprintf("/Encrypt <</Filter/Standard/V 1/R 2/P -64/O<%s>/U<%s>>>/ID[<00><00>]", secret, secret), lines...)
}

func pdf(trailer string, lines ...string) []byte {
	var page bytes.Buffer
	page.WriteString("BT /F1 12 Tf 14 TL 40 800 Td\n")
	for _, l := range lines {
		octets, err := charmap.Windows1252.NewEncoder().String(l)
		if err != nil {
			panic(err) // the test asks for letters that it cannot have
		}
		fmt.Fprintf(&page, "<%x> Tj T*\n", octets)
	}
	page.WriteString("ET")
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", page.Len(), page.String()),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj%s endobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, start)
	return b.Bytes()
}
