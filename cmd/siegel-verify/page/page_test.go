package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"siegel/cmd/siegel-verify/page"
	"siegel/internal/proto/bundle"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

func given(b []byte, key, roots string) page.Given {
	return page.Given{Bundle: bytes.NewReader(b), Size: int64(len(b)), Key: []byte(key), Roots: []byte(roots)}
}

// EV-04: the answer has the report of the verifier, the fingerprint of the file and the
// message, where its octets are in the file and what it says as plain text.
func TestVerify(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	eml := []byte("From: =?utf-8?q?M=C3=BCller?= <a@one.example>\r\nTo: b@two.example\r\nSubject: bill\u202efdp\r\nDate: Sun, 22 Nov 2026 15:37:00 +0100\r\nContent-Type: text/html\r\n\r\n<p>Hello</p><script>alert(1)</script>\r\n")
	b := verifier.Zip(i.Bundle(verifier.Sample{Octets: eml}))
	a := page.Verify(given(b, "  "+i.Key.String()+"\r\n", string(stamp.Encode(i.TSA.Roots()))))
	sum := sha256.Sum256(b)
	if a.Wrong != nil || a.Report.Verdict != bundle.Verified || a.Account.Verdict != bundle.Verified || a.SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("%+v", a)
	}
	l := a.Letter
	if !bytes.Equal(b[l.Offset:l.Offset+l.Size], eml) {
		t.Error("the message is not where the answer says")
	}
	if l.From != "Müller <a@one.example>" || l.Subject != "billfdp" || l.Date == nil || strings.TrimSpace(l.Text) != "Hello" || l.Cut {
		t.Errorf("%+v", l)
	}
	text, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(text), `"verdict":"verified"`) {
		t.Error(string(text), err)
	}
}

// What was refused shows nothing of a message: nobody vouches for a word of it.
func TestRefusedShowsNothing(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	b := verifier.Zip(i.Bundle(verifier.Sample{}))
	b[bytes.Index(b, []byte("Hello, this"))] ^= 1
	a := page.Verify(given(b, i.Key.String(), ""))
	if a.Report.Verdict != bundle.Refused || a.Letter != nil {
		t.Errorf("%+v", a)
	}
}

// broken is a file that goes away.
type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("gone") }

// endless is a file of any size.
type endless struct{ t *testing.T }

func (e endless) ReadAt([]byte, int64) (int, error) {
	e.t.Error("a file that is too large was read")
	return 0, io.EOF
}

// What is wrong with what was given is said at its field, before anything is verified.
func TestWrong(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	b := verifier.Zip(i.Bundle(verifier.Sample{}))
	large := strings.Repeat("x", page.MaxKey+1)
	for _, tt := range []struct {
		name   string
		given  page.Given
		fields string
	}{
		{"no key", given(b, "nonsense", ""), "key"},
		{"no roots", given(b, i.Key.String(), "nonsense"), "roots"},
		{"neither", given(b, large, large), "key roots"},
		{"unreadable", page.Given{Bundle: broken{}, Size: 7}, "bundle"},
		{"too large", page.Given{Bundle: endless{t}, Size: page.MaxBundle + 1}, "bundle"},
	} {
		a := page.Verify(tt.given)
		var fields []string
		for _, w := range a.Wrong {
			fields = append(fields, w.Field)
			if w.What.EN == "" || w.What.DE == "" {
				t.Errorf("%s: %+v", tt.name, w)
			}
		}
		if strings.Join(fields, " ") != tt.fields || a.Report != nil {
			t.Errorf("%s: %v, %+v", tt.name, fields, a)
		}
	}
}

// FuzzVerify: whatever is dropped on the page has an answer that can be written, and
// whatever has a letter was not refused.
func FuzzVerify(f *testing.F) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	for _, s := range []verifier.Sample{{}, {Own: true, Bare: true, NoBefore: true}, {Empty: true}} {
		f.Add(verifier.Zip(i.Bundle(s)), i.Key.String(), string(stamp.Encode(i.TSA.Roots())))
	}
	f.Add([]byte("PK"), "a+b+c", "-----BEGIN CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, b []byte, key, roots string) {
		a := page.Verify(given(b, key, roots))
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
		if (a.Report == nil) != (a.Account == nil) || (a.Report == nil) != (len(a.Wrong) > 0) {
			t.Fatalf("%+v", a)
		}
		if a.Letter != nil && (a.Report.Verdict == bundle.Refused || a.Letter.Offset < 0 || a.Letter.Offset+a.Letter.Size > int64(len(b))) {
			t.Fatalf("%+v", a.Letter)
		}
	})
}
