package file_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"siegel/internal/front/file"
	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/proto/mime"
)

// EX-05: a name hides nothing, and a client saves it in no folder.
func TestNames(t *testing.T) {
	for name, want := range map[string]struct {
		plain, saved string
		odd          bool
	}{
		"a.pdf":                                  {"a.pdf", "a.pdf", false},
		"\u202Egpj.exe":                          {"\uFFFDgpj.exe", "\uFFFDgpj.exe", true},
		"a\u200Bb\nc":                            {"a\uFFFDb\uFFFDc", "a\uFFFDb\uFFFDc", true},
		`..\../etc/pass"wd`:                      {`..\../etc/pass"wd`, "_.._etc_pass_wd", false},
		"":                                       {"", "attachment", false},
		" . ":                                    {" . ", "attachment", false},
		strings.Repeat("x", 300) + ".pdf":        {strings.Repeat("x", 196) + "….pdf", strings.Repeat("x", 196) + "….pdf", false},
		strings.Repeat("x", 300) + ". no ending": {strings.Repeat("x", 200) + "…", strings.Repeat("x", 200) + "…", false},
		strings.Repeat("ü", 300):                 {strings.Repeat("ü", 200) + "…", strings.Repeat("ü", 200) + "…", false},
	} {
		plain, odd := file.PlainName(name)
		if plain != want.plain || odd != want.odd || file.Name(name) != want.saved {
			t.Errorf("%q: %q %v, saved as %q", name, plain, odd, file.Name(name))
		}
	}
}

// A recovery kit's file is named for its tenant, in no folder and by what every system takes.
func TestKitName(t *testing.T) {
	for domain, want := range map[string]string{
		"clinic.example": "siegel-recovery-clinic.example.age", "Clinic.Example.": "siegel-recovery-clinic.example.age", "xn--mller-kva.example": "siegel-recovery-xn--mller-kva.example.age",
		"../../etc/passwd": "siegel-recovery-etc-passwd.age", "a\"b\r\nc": "siegel-recovery-a-b--c.age", "": "siegel-recovery.age", "...": "siegel-recovery.age", strings.Repeat("a", 300): "siegel-recovery-" + strings.Repeat("a", 200) + ".age",
	} {
		if got := file.KitName([]string{domain, "other.example"}); got != want {
			t.Errorf("%q: %q, want %q", domain, got, want)
		}
	}
	if got := file.KitName[string](nil); got != "siegel-recovery.age" {
		t.Errorf("without a domain: %q", got)
	}
}

// EX-05: a message in a message is listed by its subject; what has no name says so.
func TestCalled(t *testing.T) {
	p, err := mime.Read(strings.NewReader(message), file.Limits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range file.Attachments(p, nil, record.Reads{}) {
		names = append(names, a.Name)
	}
	if got := strings.Join(names, "|"); got != "|inner||Minutes/March.eml|" {
		t.Errorf("listed as %s", got)
	}
}

// EX-05: what octets tell is told where the sender says something else, and only there.
func TestKinds(t *testing.T) {
	for octets, kinds := range map[string]map[string]string{
		"MZ\x90\x00":             {"image/jpeg": "application/x-msdownload", "application/octet-stream": "application/x-msdownload"},
		"%PDF-1.4\n":             {"application/pdf": "", "image/png": "application/pdf", "application/octet-stream": "application/pdf"},
		"\xff\xd8\xff\xe0":       {"image/jpg": "", "image/jpeg": "", "application/pdf": "image/jpeg"},
		"PK\x03\x04":             {"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "", "application/x-zip-compressed": "", "text/plain": "application/zip"},
		"<html><script>":         {"text/plain": "", "image/png": "text/html"},
		"words":                  {"text/csv": "", "application/json": "", "application/octet-stream": ""},
		"\x00\x01\x02\x03\x04":   {"image/png": "", "application/x-unknown": ""},
		strings.Repeat("a", 600): {"text/plain": ""},
	} {
		for said, want := range kinds {
			s := new(file.Sniffed)
			for _, b := range []byte(octets) {
				if n, err := s.Write([]byte{b}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			if got := s.Differs(said); got != want {
				t.Errorf("%.10q called %s is %q, want %q", octets, said, got, want)
			}
		}
	}
}

const message = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n--x\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n" +
	"--x\r\nContent-Type: message/rfc822; name=inner\r\n\r\nSubject: in\r\n\r\nside\r\n--x\r\nContent-Type: a/b\r\n\r\n\r\n" +
	"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: Minutes/March.\r\n\r\nx\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\n\r\ny\r\n--x--\r\n"

// reader ends with an error.
type reader struct {
	io.Reader

	err error
}

// Read implements [io.Reader].
func (r reader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF && r.err != nil {
		err = r.err
	}
	return n, err
}

// Close implements [io.Closer].
func (reader) Close() error { return nil }

var errDiffers = errors.New("test: the octets are others")

// What goes wrong before the first octet is an answer of its own, and what goes wrong
// behind it is said, so that it is broken off.
func TestPart(t *testing.T) {
	for what, c := range map[string]struct {
		path  string
		end   error // of the message
		first error // of opening it
		sent  bool
		text  string
		name  string
		kind  fault.Kind // where it fails
	}{
		"a file":             {path: "2", sent: true, text: "%PDF", name: "attachment.pdf"},
		"a message":          {path: "3", sent: true, text: "Subject: in\r\n\r\nside", name: "inner.eml"},
		"by its subject":     {path: "5", sent: true, text: "Subject: Minutes/March.\r\n\r\nx", name: "Minutes_March.eml"},
		"without a subject":  {path: "6", sent: true, text: "From: a@b.example\r\n\r\ny", name: "message.eml"},
		"nothing in it":      {path: "4", sent: true, name: "attachment"},
		"the text":           {path: "1", kind: fault.NotFound},
		"none":               {path: "9", kind: fault.NotFound},
		"no path":            {kind: fault.NotFound},
		"closed":             {path: "2", first: fault.New(fault.Denied, "this is for somebody else"), kind: fault.Denied},
		"a file, damaged":    {path: "2", end: errDiffers, sent: true, text: "%PDF", kind: fault.Internal},
		"a message, damaged": {path: "3", end: errDiffers, kind: fault.Internal},
		"none, and damaged":  {path: "9", end: errDiffers, kind: fault.Internal},
	} {
		w := httptest.NewRecorder()
		opened := 0
		sent, err := file.Part(w, c.path, func() (io.ReadCloser, error) {
			opened++
			return reader{strings.NewReader(message), c.end}, c.first
		})
		failed := c.kind != 0 || c.end != nil || c.first != nil
		if sent != c.sent || (err != nil) != failed || failed && fault.Of(err) != c.kind || w.Body.String() != c.text || opened > 2 {
			t.Errorf("%s: %v %v, %q, opened %d times", what, sent, err, w.Body, opened)
		}
		if sent && c.name != "" && (w.Header().Get("Content-Disposition") != "attachment; filename="+c.name || w.Header().Get("Content-Type") != "application/octet-stream") {
			t.Errorf("%s: %v", what, w.Header())
		}
		if !sent && len(w.Header()) != 0 {
			t.Errorf("%s: the head is written: %v", what, w.Header())
		}
	}
}

// deadlines notes that a time for writing was set.
type deadlines struct {
	http.ResponseWriter

	set int
}

// SetWriteDeadline implements what [http.ResponseController] asks for.
func (d *deadlines) SetWriteDeadline(time.Time) error { d.set++; return nil }

// What is sent to slow clients has a little more time with each step.
func TestSteps(t *testing.T) {
	d := &deadlines{ResponseWriter: httptest.NewRecorder()}
	late := &file.Late{W: d, Name: "a", Kind: "a/b"}
	if late.Sent() || d.set != 0 {
		t.Error("something was sent before the first octet")
	}
	for range 3 {
		if _, err := late.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if !late.Sent() || d.set != 3 {
		t.Errorf("%d times for three steps", d.set)
	}
}

// FuzzName gives files names that nobody would.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", "a.pdf", `..\..\x`, "\u202Egpj.exe", "CON:", "\xff\xfe", strings.Repeat("/", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := file.Name(s)
		if got == "" || got == "." || got == ".." || strings.ContainsAny(got, "/\\\x00\r\n\"") || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 201 {
			t.Errorf("%q is saved as %q", s, got)
		}
	})
}

// breaking is a file whose second half cannot be read.
type breaking struct{ *strings.Reader }

// Read implements [io.Reader].
func (b breaking) Read(p []byte) (int, error) {
	if b.Len() <= 5 {
		return 0, errDiffers
	}
	return b.Reader.Read(p[:min(len(p), b.Len()-5)])
}

// A file that stays as it is comes as a whole, in pieces or not at all; what is refused
// leaves the head to the door, and what goes wrong on the way is said.
func TestServe(t *testing.T) {
	for what, c := range map[string]struct {
		name, value string // of a header
		broken      bool
		status      int // of the answer, or of what is refused
		text        string
		refused     bool
	}{
		"all":            {status: 200, text: "0123456789"},
		"a piece":        {name: "Range", value: "bytes=3-5", status: 206, text: "345"},
		"the same":       {name: "If-None-Match", value: `"tag"`, status: 304},
		"another":        {name: "If-Match", value: `"other"`, status: 412, refused: true},
		"beyond the end": {name: "Range", value: "bytes=99-", status: 416, refused: true},
		"no range":       {name: "Range", value: "bytes=x", status: 416, refused: true},
		"broken":         {broken: true, status: 200, text: "01234"},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Cache-Control", "no-store")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if c.name != "" {
			r.Header.Set(c.name, c.value)
		}
		k := file.Kept{Name: "a.zip", Kind: "application/zip", Tag: "tag", Octets: strings.NewReader("0123456789")}
		if c.broken {
			k.Octets = breaking{strings.NewReader("0123456789")}
		}
		err := file.Serve(w, r, k)
		refused, ok := errors.AsType[*file.Refused](err)
		switch {
		case ok != c.refused || ok && refused.Status != c.status:
			t.Errorf("%s: %v", what, err)
		case ok && (w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" || w.Header().Get("Cache-Control") != "no-store"):
			t.Errorf("%s: something was sent: %v %q", what, w.Header(), w.Body)
		case !ok && (w.Code != c.status || w.Body.String() != c.text || (err != nil) != c.broken || c.broken && !errors.Is(err, errDiffers)):
			t.Errorf("%s: %d %q %v", what, w.Code, w.Body, err)
		}
	}
}
