package record_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/proto/mime"
)

func read(t interface{ Fatal(...any) }, text string) *mime.Message {
	m, err := mime.Read(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")), mime.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const letter = `From: Anna <anna@x.example>
Reply-To: office@x.example
To: Bert <bert@x.example>
Cc: Carl <carl@x.example>
Resent-Cc: dora@x.example
Subject: =?utf-8?q?Stra=C3=9Fe?=
Message-ID: <m@x>
References: <r@x> <s@x>
 <r@x>
In-Reply-To: Your message <s@x>
Date: Mon, 5 Aug 2002 10:00:00 +0000
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

below
--b
Content-Type: application/pdf; name=plan.pdf

%PDF
--b
Content-Type: text/csv
Content-Disposition: attachment

one;two
--b
Content-Type: image/png; name=logo.png
Content-ID: <logo>

x
--b
Content-Type: message/rfc822

Subject: inner

nested
--b--
`

var arrived = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

// docs/formats/index.md: what is taken out of a message, and that it comes back.
func TestDescribe(t *testing.T) {
	want := record.Record{
		Version: 2, Date: arrived.UnixMicro(), Sent: time.Date(2002, 8, 5, 10, 0, 0, 0, time.UTC).UnixMicro(), Size: 7,
		Subject: "Straße", From: []string{"Anna <anna@x.example>", "office@x.example"}, To: []string{"Bert <bert@x.example>"},
		Cc: []string{"Carl <carl@x.example>", "dora@x.example"}, ID: "m@x", References: []string{"r@x", "s@x"}, Reply: []string{"s@x"},
		Files: []record.File{
			{Part: "2", Name: "plan.pdf", Type: "application/pdf"},
			{Part: "3", Type: "text/csv"},
			{Part: "4", Name: "logo.png", Type: "image/png", Inline: true},
			{Part: "5", Type: "message/rfc822"},
		},
		Body: "below", Attached: "one;two\n\ninner\n\nnested",
	}
	r := record.Describe(read(t, letter), arrived, 7)
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := record.Parse(b)
	if err != nil || !reflect.DeepEqual(back, want) || !back.Equal(r) || !back.HasAttachment() {
		t.Errorf("got\n%+v, %v\nwant\n%+v", back, err, want)
	}
}

// A record of version 1 is read, and compared with what its message gave then.
func TestFirstVersion(t *testing.T) {
	text := `{"v":1,"date":1796083200000000,"sent":1028541600000000,"size":7,"subject":"Straße","from":["Anna \u003canna@x.example\u003e","office@x.example"],` +
		`"to":["Bert <bert@x.example>","Carl <carl@x.example>","dora@x.example"],"files":["plan.pdf","logo.png"],"body":"below\n\none;two\n\ninner\n\nnested","opaque":false,"cut":false}`
	text = strings.Replace(text, "1796083200000000", strconv.FormatInt(arrived.UnixMicro(), 10), 1)
	r, err := record.Parse([]byte(text))
	if err != nil || r.Version != 1 || len(r.To) != 3 || r.Cc != nil || len(r.Files) != 2 || r.ID != "" || !r.HasAttachment() {
		t.Fatalf("%+v, %v", r, err)
	}
	m := read(t, letter)
	if !r.Equal(record.As(1, m, arrived, 7)) {
		t.Errorf("got\n%+v, the message gives\n%+v", r, record.As(1, m, arrived, 7))
	}
	if r.Equal(record.As(2, m, arrived, 7)) || r.Equal(record.As(1, m, arrived, 8)) {
		t.Error("another record is the same")
	}
}

// Hundreds of references and thousands of files are bounded: the root and the newest
// identifiers are kept.
func TestBounds(t *testing.T) {
	var b strings.Builder
	b.WriteString("References:")
	for i := range 300 {
		b.WriteString(" <i" + strconv.Itoa(i) + "@x>")
	}
	b.WriteString("\nContent-Type: multipart/mixed; boundary=b\n\n")
	for range record.MaxFiles + 5 {
		b.WriteString("--b\nContent-Type: image/png; name=a\n\nx\n")
	}
	b.WriteString("--b--\n")
	r := record.Describe(read(t, b.String()), arrived, 1)
	n := len(r.References)
	if n != record.MaxReferences || r.References[0] != "i0@x" || r.References[1] != "i201@x" || r.References[n-1] != "i299@x" {
		t.Errorf("%d references: %q", n, r.References)
	}
	if len(r.Files) != record.MaxFiles || !r.Cut {
		t.Errorf("%d files, cut %v", len(r.Files), r.Cut)
	}
}

func TestMalformed(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"v":3}`, `{"v":0}`, `{"v":2,"date":"x"}`, `{"v":1,"files":[{}]}`, `{"v":2,`} {
		if _, err := record.Parse([]byte(text)); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever a message says, its record comes back and is the one that it gives, in
// both versions.
func TestRoundTrip(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"Subject: \xff\xfe <&>\u2028\n", "To: a\n", "Cc: b\n", "References: <a> <b>\n", "Message-ID: x\n", "\n", "Content-Type: multipart/mixed; boundary=b\n", "--b\n",
		"Content-Type: text/html; name=\"\x01ü\"\n", "<p>x\n", "Content-Disposition: attachment\n", "--b--\n", "text \x00\n",
	})
	rapid.Check(t, func(t *rapid.T) {
		m := read(t, strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), ""))
		r := record.Describe(m, arrived, 1)
		b, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := record.Parse(b)
		if err != nil || !back.Equal(record.As(2, m, arrived, 1)) {
			t.Fatalf("%s: %+v, %v", b, back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"v":2,"date":1,"files":[{"part":"1"}]}`))
	f.Add([]byte(`{"v":1,"files":["a"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := record.Parse(b)
		if err != nil && fault.Of(err) != fault.Damaged {
			t.Fatal(err)
		}
		if err == nil && r.Version != 1 && r.Version != 2 {
			t.Fatalf("version %d", r.Version)
		}
	})
}

func FuzzParseAttachments(f *testing.F) {
	f.Add([]byte(`{"v":1,"texts":[{"part":"2","text":"a","state":"damaged"}],"cut":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := record.ParseAttachments(b)
		if err != nil {
			if fault.Of(err) != fault.Damaged {
				t.Fatal(err)
			}
			return
		}
		again, err := a.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := record.ParseAttachments(again); err != nil || back.Text() != a.Text() || back.Unread() != a.Unread() || back.Lacking() != a.Lacking() {
			t.Fatalf("%s: %+v, %v", again, back, err)
		}
	})
}
