package document_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"siegel/internal/proto/document"
	"siegel/test/paper"
)

// helper stands for the program that reads PDF.
func helper(pdf []byte, _ int) (string, error) {
	if bytes.Contains(pdf, []byte("/Encrypt")) {
		return "", document.ErrPassword
	}
	if bytes.HasSuffix(pdf, []byte("EOF\n")) {
		return "of a pdf", nil
	}
	return "half", errors.New("damaged")
}

func eml(attached []byte, name string) []byte {
	return fmt.Appendf(nil, "Subject: forwarded\r\nFrom: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nits body\r\n--x\r\n"+
		"Content-Type: application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--x--\r\n", name, base64.StdEncoding.EncodeToString(attached))
}

// EX-04: every kind of file gives its words, whatever it is called, also inside of others.
func TestText(t *testing.T) {
	nested := paper.Zip(paper.Member{Name: "inner.zip", Octets: paper.Zip(paper.Member{Name: "a/b.docx", Octets: paper.Docx("deep down")})})
	for name, c := range map[string]struct {
		file document.File
		want string
	}{
		"docx":             {document.File{Octets: paper.Docx("Grüße & Küsse", "second")}, "Grüße & Küsse\nsecond"},
		"docx, misnamed":   {document.File{Octets: paper.Docx("hello"), Name: "x.txt", Type: "text/plain"}, "hello"},
		"xlsx":             {document.File{Octets: paper.Xlsx("first", "second", "third")}, "first\nthird\nsecond"},
		"pptx":             {document.File{Octets: paper.Pptx("one", "two")}, "one\ntwo"},
		"odt":              {document.File{Octets: paper.Odt("eins", "zwei")}, "eins\nzwei"},
		"rtf":              {document.File{Octets: paper.Rtf("Straße", "x")}, "Straße\nx"},
		"pdf":              {document.File{Octets: paper.Pdf("x")}, "of a pdf"},
		"pdf behind lines": {document.File{Octets: append([]byte("\r\n\r\n"), paper.Pdf("x")...), Name: "a.PDF "}, "of a pdf"},
		"text about pdf":   {document.File{Octets: []byte("it begins with %PDF-1.4"), Name: "a.txt"}, "it begins with %PDF-1.4"},
		"html":             {document.File{Octets: []byte("<html><body><p>a<b>b</b><script>no</script></body>")}, "ab"},
		"latin":            {document.File{Octets: []byte("stra\xdfe\r\nx\ry"), Name: "a.CSV"}, "straße\nx\ny"},
		"utf-16":           {document.File{Octets: []byte("\xff\xfea\x00\xfc\x00"), Name: "a.txt"}, "aü"},
		"eml":              {document.File{Octets: eml(paper.Rtf("attached"), "a.rtf"), Name: "x.eml"}, "forwarded\n\na@b.example\n\nits body\n\nattached"},
		"zip":              {document.File{Octets: paper.Zip(paper.Member{Name: "dir/"}, paper.Member{Name: "a.txt", Octets: []byte("plain")}, paper.Member{Name: "p.png", Octets: []byte("x")})}, "a.txt\n\nplain\n\np.png"},
		"zip in zip":       {document.File{Octets: nested}, "inner.zip\n\na/b.docx\n\ndeep down"},
		"names":            {document.File{Octets: paper.Zip(paper.Member{Name: "../../etc/passwd.txt", Octets: []byte("x")}, paper.Member{Name: "/abs\x00.txt", Octets: []byte("y")})}, "../../etc/passwd.txt\n\nx\n\n/abs.txt\n\ny"},
		"picture":          {document.File{Octets: []byte("\x89PNG\x00"), Name: "a.txt"}, ""},
		"nothing":          {document.File{}, ""},
	} {
		got := document.Text(c.file, document.Limits{}, helper)
		if got.Text != c.want || got.State != document.Read || got.Cut {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

// What cannot be read says why, beside what could be read.
func TestStates(t *testing.T) {
	cut := paper.Docx(strings.Repeat("word ", 10_000))
	locked := paper.Zip(paper.Member{Name: "a.txt", Octets: []byte("x")})
	for i := range len(locked) - 8 { // the flag of the local header and of the directory
		if bytes.HasPrefix(locked[i:], []byte("PK\x03\x04")) {
			locked[i+6] |= 1
		}
		if bytes.HasPrefix(locked[i:], []byte("PK\x01\x02")) {
			locked[i+8] |= 1
		}
	}
	ole := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"...)
	pdfs := paper.Zip(paper.Member{Name: "a.pdf", Octets: paper.LockedPdf("x")}, paper.Member{Name: "b.txt", Octets: []byte("words")})
	for name, c := range map[string]struct {
		octets []byte
		name   string
		want   document.Result
	}{
		"pdf with password":  {paper.LockedPdf("x"), "", document.Result{State: document.Encrypted}},
		"inside a zip":       {pdfs, "", document.Result{Text: "a.pdf\n\nb.txt\n\nwords", State: document.Encrypted}},
		"pdf, cut":           {paper.Pdf("x")[:100], "", document.Result{Text: "half", State: document.Damaged}},
		"old word":           {append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "W\x00o\x00r\x00d\x00"...), "a.doc", document.Result{State: document.Unknown}},
		"7z":                 {[]byte("7z\xbc\xaf\x27\x1c\x00\x04"), "a.bin", document.Result{State: document.Unknown}},
		"rar":                {[]byte("Rar!\x1a\x07\x01\x00"), "", document.Result{State: document.Unknown}},
		"gzip":               {[]byte("\x1f\x8b\x08\x00"), "a.tgz", document.Result{State: document.Unknown}},
		"bzip2":              {[]byte("BZh9\x00"), "", document.Result{State: document.Unknown}},
		"begins like bzip2":  {[]byte("BZhang"), "a.txt", document.Result{Text: "BZhang"}},
		"xz":                 {[]byte("\xfd7zXZ\x00"), "", document.Result{State: document.Unknown}},
		"zstd":               {[]byte("\x28\xb5\x2f\xfd\x00"), "", document.Result{State: document.Unknown}},
		"tar":                {append(make([]byte, 257), "ustar\x0000"...), "", document.Result{State: document.Unknown}},
		"picture":            {[]byte("\x89PNG\r\n\x1a\n\x00"), "", document.Result{}},
		"old word in a zip":  {paper.Zip(paper.Member{Name: "a.doc", Octets: []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")}), "", document.Result{Text: "a.doc", State: document.Unknown}},
		"docx with password": {ole, "", document.Result{State: document.Encrypted}},
		"zip with password":  {locked, "", document.Result{Text: "a.txt", State: document.Encrypted}},
		"odt with password": {
			paper.Zip(paper.Member{Name: "content.xml", Octets: []byte("\x00\x01")}, paper.Member{Name: "META-INF/manifest.xml", Octets: []byte("<encryption-data/>")}), "",
			document.Result{State: document.Encrypted},
		},
		"zip, cut":    {cut[:len(cut)/2], "", document.Result{State: document.Damaged}},
		"no xml":      {paper.Zip(paper.Member{Name: "[Content_Types].xml"}, paper.Member{Name: "word/document.xml", Octets: []byte("<w:t>a</w:t><")}), "", document.Result{Text: "a", State: document.Damaged}},
		"one is bad":  {paper.Zip(paper.Member{Name: "[Content_Types].xml"}, paper.Member{Name: "ppt/slides/slide1.xml", Octets: []byte("<")}, paper.Member{Name: "ppt/slides/slide2.xml", Octets: []byte("<t>b</t>")}), "", document.Result{Text: "b", State: document.Damaged}},
		"mail locked": {[]byte("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx"), "a.eml", document.Result{State: document.Encrypted}},
	} {
		if got := document.Text(document.File{Octets: c.octets, Name: c.name}, document.Limits{}, helper); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := document.Text(document.File{Octets: paper.Pdf("x")}, document.Limits{}, nil); got.State != document.Lacking {
		t.Errorf("without a helper: %+v", got)
	}
}

// deep is a ZIP file with so many in each other, and a text in the innermost.
func deep(n int) []byte {
	b := paper.Zip(paper.Member{Name: "x.txt", Octets: []byte("core")})
	for range n {
		b = paper.Zip(paper.Member{Name: "x.zip", Octets: b})
	}
	return b
}

// flat is a ZIP file whose one member unpacks to much.
func flat(size int64, name string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create(name)
	_, _ = io.Copy(w, io.LimitReader(blanks{}, size))
	_ = z.Close()
	return b.Bytes()
}

type blanks struct{}

func (blanks) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// Files that are made to hurt are left when a bound is reached, and say so.
func TestBombs(t *testing.T) {
	var many []paper.Member
	for i := range 10_000 {
		many = append(many, paper.Member{Name: fmt.Sprintf("%d.txt", i), Octets: []byte("w")})
	}
	var xml strings.Builder
	for range 100_000 {
		xml.WriteString("<a>")
	}
	bomb := flat(60<<20, "x.dat")
	var tenfold []paper.Member
	for i := range 10 {
		tenfold = append(tenfold, paper.Member{Name: fmt.Sprintf("%d.zip", i), Octets: bomb})
	}
	docx := func(name string, octets []byte) []byte {
		return paper.Zip(paper.Member{Name: "[Content_Types].xml"}, paper.Member{Name: name, Octets: octets})
	}
	for name, c := range map[string]struct {
		octets []byte
		state  document.State
		text   string // what is found all the same
	}{
		"six deep":                {deep(6), document.Large, "x.zip"},
		"four deep":               {deep(4), document.Read, "core"},
		"10,000 members":          {paper.Zip(many...), document.Large, "1999.txt"},
		"60,000 in the directory": {bytes.Repeat([]byte("PK\x01\x02"), 60_000), document.Read, ""},
		"a member of 70 MB":       {flat(70<<20, "x.txt"), document.Large, "x.txt"},
		"600 MB in parts":         {paper.Zip(tenfold...), document.Large, "0.zip"},
		"deep xml":                {docx("word/document.xml", []byte("<t>first</t>"+xml.String())), document.Damaged, "first"},
		"entities":                {docx("word/document.xml", []byte(`<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><t>x&b;&b;</t>`)), document.Read, "x"},
	} {
		start := time.Now()
		got := document.Text(document.File{Octets: c.octets}, document.Limits{}, helper)
		if got.State != c.state || !strings.Contains(got.Text, c.text) || len(got.Text) > 2<<20 {
			t.Errorf("%s: state %q, %d octets of text, %.100q", name, got.State, len(got.Text), got.Text)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
	text := document.Text(document.File{Octets: []byte(strings.Repeat("ü", 3000)), Name: "a.txt"}, document.Limits{Text: 1001}, nil)
	if len(text.Text) != 1000 || !text.Cut || text.State != document.Read {
		t.Errorf("cut: %d octets, %v", len(text.Text), text.Cut)
	}
}

// What of a message is read as a file is told by name and type.
func TestWorth(t *testing.T) {
	for _, c := range []struct {
		name, mediaType string
		want            bool
	}{
		{"a.pdf", "application/pdf", true},
		{"a.pdf", "text/plain", true},
		{"", "application/pdf", true},
		{"a.PDF.", "image/png", true},
		{"", "application/octet-stream", true},
		{"a.xyz", "application/octet-stream", true},
		{"a.exe", "application/octet-stream", false},
		{"a.7z", "application/x-7z-compressed", true},
		{"a.txt", "text/plain", false},
		{"a.rtf", "text/rtf", true},
		{"", "text/html", false},
		{"a.eml", "application/octet-stream", true},
		{"smime.p7s", "application/pkcs7-signature", false},
		{"", "application/pgp-signature", false},
		{"", "image/png", false},
		{"", "message/rfc822", false},
		{"", "multipart/mixed", false},
		{"a.docx", "", true},
	} {
		if got := document.Worth(c.name, c.mediaType); got != c.want {
			t.Errorf("%s %s: %v", c.name, c.mediaType, got)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, octets := range [][]byte{
		paper.Docx("a", "b"), paper.Xlsx("a", "b"), paper.Pptx("a"), paper.Odt("a"), paper.Rtf("ä"), paper.Pdf("a"), deep(2), eml(paper.Odt("x"), "a.odt"),
		[]byte("<html><p>a"), []byte("\xff\xfea\x00"),
	} {
		f.Add(octets, "a.eml", "application/octet-stream")
	}
	f.Fuzz(func(t *testing.T, octets []byte, name, mediaType string) {
		l := document.Limits{Text: 1000, Unpacked: 1 << 20, Members: 50, Depth: 3}
		got := document.Text(document.File{Octets: octets, Name: name, Type: mediaType}, l, helper)
		if len(got.Text) > l.Text || !utf8.ValidString(got.Text) {
			t.Fatalf("%d octets, %q", len(got.Text), got.Text)
		}
		document.Worth(name, mediaType)
	})
}
