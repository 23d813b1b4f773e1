package mime

import (
	"bytes"
	"strings"

	"siegel/internal/proto/mime/header"
)

// declared returns the protection that a part's header declares.
func declared(t string, media header.Media) Protection {
	switch t {
	case "multipart/encrypted":
		return OpenPGP
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		switch strings.ToLower(media.Get("smime-type")) {
		case "enveloped-data", "authenveloped-data":
			return SMIMEEncrypted
		}
		return SMIMEOpaque // until the content says more
	}
	return Unprotected
}

// sniffed is how many decoded bytes are looked at to tell the type of CMS.
const sniffed = 64

// sniffCMS tells by the object identifier at the beginning of a CMS structure
// what it is (RFC 5652 section 3, RFC 5083 section 2.1): the smime-type parameter is
// often missing or wrong, and content comes as application/octet-stream too.
func sniffCMS(b []byte, otherwise Protection) Protection {
	if len(b) < 2 || b[0] != 0x30 { // SEQUENCE
		return otherwise
	}
	pkcs7 := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07}
	authEnveloped := []byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17}
	if bytes.Contains(b, authEnveloped) {
		return SMIMEEncrypted
	}
	i := bytes.Index(b, pkcs7)
	if i < 0 || i+len(pkcs7) >= len(b) {
		return otherwise
	}
	switch b[i+len(pkcs7)] {
	case 3, 6: // enveloped-data, encrypted-data
		return SMIMEEncrypted
	case 2:
		return SMIMEOpaque
	}
	return otherwise
}

// mayBeCMS reports whether a leaf's first bytes are worth looking at.
func mayBeCMS(p *Part) bool {
	return p.Protection == SMIMEOpaque ||
		p.Type == "application/octet-stream" && strings.HasSuffix(strings.ToLower(p.FileName), ".p7m")
}

// armour is the first line of an OpenPGP message in text.
const armour = "-----BEGIN PGP MESSAGE-----"

// armourFinder looks for armour in text that comes in pieces.
type armourFinder struct {
	tail  [len(armour)]byte // last bytes of what came before
	n     int
	found bool
}

// write looks at the next bytes.
func (f *armourFinder) write(b []byte) {
	if f.found || len(b) == 0 {
		return
	}
	if f.n > 0 {
		// What spans the pieces begins in tail.
		var seam [2*len(armour) - 1]byte
		m := copy(seam[:], f.tail[:f.n])
		m += copy(seam[m:], b)
		f.found = bytes.Contains(seam[:m], []byte(armour))
	}
	f.found = f.found || bytes.Contains(b, []byte(armour))
	if len(b) >= len(armour)-1 {
		f.n = copy(f.tail[:], b[len(b)-(len(armour)-1):])
		return
	}
	drop := max(0, f.n+len(b)-(len(armour)-1))
	f.n = copy(f.tail[:], f.tail[drop:f.n])
	f.n += copy(f.tail[f.n:], b)
}
