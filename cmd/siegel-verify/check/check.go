// Package check is what both faces of the verifier share, the command and the
// page in a browser: reading the keys that came from elsewhere, and telling a
// report to somebody who is no engineer. What is verified, and how, is in
// proto/bundle and vault/stamp; its [bundle.Report] is what both render.
package check

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"

	"siegel/internal/kit/plural"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/stamp"
)

// Both is a sentence in both languages. Moments in it are written as RFC 3339
// has them, in UTC.
type Both struct {
	EN string `json:"en"`
	DE string `json:"de"`
}

// both formats a sentence, as kit/plural does.
func both(en, de string, args ...any) Both {
	if len(args) == 0 {
		return Both{EN: en, DE: de}
	}
	return Both{EN: plural.Format(en, args...), DE: plural.Format(de, args...)}
}

// Error says what is wrong with a file that was given.
type Error struct{ Both }

// about says something of a file that is called name.
func about(name Both, en, de string) error {
	return &Error{Both{EN: fmt.Sprintf(en, name.EN), DE: fmt.Sprintf(de, name.DE)}}
}

// Named is a name that is the same in both languages.
func Named(name string) Both { return Both{EN: name, DE: name} }

// Error implements error, in English.
func (e *Error) Error() string { return e.EN }

// Key reads the public key of a ledger. name is what the error calls the file.
// The error is an [*Error].
func Key(name Both, b []byte) (*checkpoint.Key, error) {
	k, err := checkpoint.ParseKey(string(b))
	switch {
	case err == nil:
		return &k, nil
	case bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN")):
		return nil, about(name, "%s is a PEM file; give ledger.pub, which lies beside ledger.pem and has the name of the archive in it",
			"%s ist eine PEM-Datei; geben Sie ledger.pub an, das neben ledger.pem liegt und den Namen des Archivs enthält")
	default:
		return nil, about(name, "%s is no public key of a ledger; it is one line, as in ledger.pub",
			"%s ist kein öffentlicher Schlüssel eines Journals; der ist eine Zeile, wie in ledger.pub")
	}
}

// Roots reads root certificates of a timestamp authority (PEM). name is what the
// error calls the file. The error is an [*Error].
func Roots(name Both, b []byte) ([]*x509.Certificate, error) {
	list, err := stamp.ParseCertificates(b)
	if err != nil {
		return nil, about(name, "%s has no certificates in PEM that can be read", "%s hat keine lesbaren Zertifikate in PEM")
	}
	return list, nil
}

// Bundle verifies a bundle of size octets against what came from elsewhere: key
// and roots, each nil where it was not given. See [bundle.Verify].
func Bundle(source io.ReaderAt, size int64, key *checkpoint.Key, roots []*x509.Certificate) *bundle.Report {
	return bundle.Verify(source, size, bundle.Trust{Key: key, Stamps: stamp.Verifier{Roots: roots}})
}

// Verdict says in one paragraph what a verification came to, as the command
// prints it.
func Verdict(r *bundle.Report) Both {
	switch r.Verdict {
	case bundle.Verified:
		return both("VERIFIED against the key and the root certificates that you gave.",
			"BESTÄTIGT mit dem Schlüssel und den Wurzelzertifikaten, die Sie angegeben haben.")
	case bundle.Consistent:
		prints := fmt.Sprintf("\n  --ledger-key   SHA-256 %s\n  --tsa-roots    SHA-256 %s", r.Facts.KeySHA256, r.Facts.RootSHA256)
		return both("CONSISTENT, NOT AUTHENTICATED. Compare these with what you know from elsewhere:%s",
			"IN SICH STIMMIG, NICHT BEGLAUBIGT. Vergleichen Sie dies mit dem, was Sie von anderswo wissen:%s", prints)
	default:
		if r.Foreign {
			w := wanted()
			return Both{"NO PROOF BUNDLE: nothing was checked. " + w.EN, "KEIN BEWEISPAKET: es wurde nichts geprüft. " + w.DE}
		}
		return both("REFUSED: this proves nothing.", "ABGELEHNT: das beweist nichts.")
	}
}
