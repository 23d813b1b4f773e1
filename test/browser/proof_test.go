package browser_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	visitor "siegel/cmd/siegel-verify/page"
	"siegel/internal/front/web/proofpage"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/stand"
	"siegel/test/verifier"
)

// letter is a message with all that a page could stumble over: a subject in encoded words
// with markup in it, an attachment whose name turns the direction of writing.
func letter() []byte {
	return []byte(strings.ReplaceAll(`From: =?utf-8?q?Anna_M=C3=BCller?= <anna@a.example>
To: b@two.example
Subject: =?utf-8?q?Angebot_=E2=80=9EDachstuhl=E2=80=9C_<img_src=3Dx_onerror=3Dalert(1)>?=
Date: Sun, 22 Nov 2026 15:37:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<h1>Guten Tag</h1><p>anbei unser Angebot.</p><script>window.ran = true</script><img src="https://track.example/x.gif">
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''Angebot%E2%80%AEfdp.exe
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--b--
`, "\n", "\r\n"))
}

// BX-02, EV-04: whoever has a bundle checks it in a browser, from the server or from a
// saved copy without any network; the verdict is that of the verifier, nothing is asked
// of anybody, and axe-core finds nothing in either language, light and dark, on a wide
// screen and on a phone.
func TestProofPage(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	stand.Chromium(t)
	page, err := proofpage.New()
	must(t, err)
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)

	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, b, 0o644))
		return path
	}
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	other := verifier.NewInstance("archive.example.org", "forger", authority.Options{})
	good := verifier.Zip(i.Bundle(verifier.Sample{Octets: letter()}))
	flipped := bytes.Clone(good)
	flipped[bytes.Index(good, []byte("anbei unser"))] ^= 1
	stamped := bytes.Clone(good)
	stamped[bytes.Index(good, []byte("siegel/v1 checkpoint"))] ^= 1
	large := verifier.Zip(i.Bundle(verifier.Sample{Octets: append(letter(), bytes.Repeat([]byte("0123456789abcdef\r\n"), 1<<20)...)}))
	// Files of a disk image's size that take no room: one of a gigabyte, one that no bundle can have.
	hollow := func(name string, size int64) string {
		path := write(name, nil)
		must(t, os.Truncate(path, size))
		return path
	}
	drive(t, map[string]any{
		"good": write("Beweis-7.zip", good), "flipped": write("flipped.zip", flipped), "damaged": write("damaged.zip", stamped), "large": write("large.zip", large),
		"bare": write("bare.zip", verifier.Zip(i.Bundle(verifier.Sample{Bare: true, NoBefore: true, Own: true}))),
		"text": write("<b>note&.txt", []byte("this is no bundle\n")),
		"key":  write("ledger.pub", []byte(i.Key.String()+"\n")), "otherKey": write("other.pub", []byte(other.Key.String()+"\n")),
		"roots": write("roots.pem", stamp.Encode(i.TSA.Roots())), "message": write("message.eml", letter()),
		"long": hollow("long.zip", 1<<30), "tooLarge": hollow("large.img", visitor.MaxBundle+1),
		"dir": dir, "pictures": os.Getenv("SIEGEL_PICTURES"),
	}, "proof.mjs", site.URL)
}

var _ http.Handler = (*proofpage.Page)(nil)
