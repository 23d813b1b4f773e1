package stamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// maxPEM bounds files of certificates and of revocation lists, in octets.
const maxPEM = 16 << 20

// Types of PEM blocks.
const (
	blockCertificate = "CERTIFICATE"
	blockList        = "X509 CRL"
)

// ParseCertificates reads a PEM file of certificates, as operators write them:
// text around the blocks is allowed. It fails where there is none.
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for len(b) <= maxPEM {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != blockCertificate {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("certificates: %w", ErrFormat)
	}
	return list, nil
}

// File returns the certificates that are kept with a token: the chain, signer
// first, then further ones that the token carries (PEM).
func (t *Token) File() []byte {
	all := slices.Clone(t.Chain)
	for _, c := range t.Certificates {
		if !slices.ContainsFunc(all, c.Equal) {
			all = append(all, c)
		}
	}
	return Encode(all)
}

// Encode returns certificates as a PEM file.
func Encode(list []*x509.Certificate) []byte {
	var out []byte
	for _, c := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})...)
	}
	return out
}

// EncodeLists returns revocation lists (DER) as a PEM file.
func EncodeLists(lists [][]byte) []byte {
	var out []byte
	for _, l := range lists {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockList, Bytes: l})...)
	}
	return out
}

// decodeExact reads what Encode or EncodeLists wrote and refuses any other
// spelling.
func decodeExact(kind string, b []byte) ([][]byte, error) {
	var blocks [][]byte
	var again []byte
	for rest := b; len(rest) > 0 && len(b) <= maxPEM; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != kind || len(blocks) == maxCertificates {
			return nil, ErrFormat
		}
		again = append(again, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: block.Bytes})...)
		blocks = append(blocks, block.Bytes)
	}
	if !bytes.Equal(again, b) {
		return nil, ErrFormat
	}
	return blocks, nil
}

// Fingerprint returns the SHA-256 of a certificate in hex, as people compare
// it.
func Fingerprint(c *x509.Certificate) string {
	h := sha256.Sum256(c.Raw)
	return hex.EncodeToString(h[:])
}

// CheckRevocation verifies revocation lists (DER) against a token: each must be
// signed by the issuer of a certificate of the chain and have been usable at
// the token's time or later, and none may name the certificate as revoked by
// then.
func (t *Token) CheckRevocation(lists [][]byte) error {
	for _, raw := range lists {
		if err := t.checkList(raw); err != nil {
			return fmt.Errorf("%w: %w", ErrRevoked, err)
		}
	}
	return nil
}

func (t *Token) checkList(raw []byte) error {
	list, err := x509.ParseRevocationList(raw)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(t.Chain); i++ {
		issuer := t.Chain[i+1]
		if !bytes.Equal(issuer.RawSubject, list.RawIssuer) {
			continue
		}
		if err := list.CheckSignatureFrom(issuer); err != nil {
			return err
		}
		if list.NextUpdate.Before(t.Time) {
			return fmt.Errorf("the list ended %s", list.NextUpdate.UTC().Format(time.RFC3339))
		}
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(t.Chain[i].SerialNumber) == 0 && !e.RevocationTime.After(t.Time) {
				return fmt.Errorf("revoked %s", e.RevocationTime.UTC().Format(time.RFC3339))
			}
		}
		return nil
	}
	return fmt.Errorf("the list of %s is of no issuer of the chain", Name(list.Issuer))
}

// Lists returns where the revocation lists of the chain's certificates are
// served, the root's own left out.
func (t *Token) Lists() []string {
	var urls []string
	for i := 0; i+1 < len(t.Chain); i++ {
		if len(t.Chain[i].CRLDistributionPoints) > 0 {
			urls = append(urls, t.Chain[i].CRLDistributionPoints[0])
		}
	}
	return urls
}
