package stamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"siegel/internal/proto/bundle"
)

var _ bundle.Stamps = Verifier{}

// Check implements [bundle.Stamps]: it verifies a token with the certificates
// and revocation lists that were kept beside it. Without roots in the verifier
// the end of the chain is taken for one, and the result says that nobody vouched
// for it.
func (v Verifier) Check(imprint [sha256.Size]byte, f bundle.StampFiles) (bundle.Stamp, error) {
	chain, further, err := parseChain(f.Chain)
	if err != nil {
		return bundle.Stamp{}, err
	}
	trusted := len(v.Roots) > 0
	if !trusted {
		v.Roots = chain[len(chain)-1:]
	}
	t, err := v.Verify(f.Token, imprint, chain)
	if err != nil {
		return bundle.Stamp{}, err
	}
	if !t.Chain[0].Equal(chain[0]) {
		return bundle.Stamp{}, ErrSigner
	}
	if err := t.checkCertificates(chain, further); err != nil {
		return bundle.Stamp{}, err
	}
	lists, err := decodeExact(blockList, f.Lists)
	if err != nil {
		return bundle.Stamp{}, err
	}
	if err := t.CheckRevocation(lists); err != nil {
		return bundle.Stamp{}, err
	}
	return bundle.Stamp{
		Time: t.Time, Latest: t.Latest(), Trusted: trusted,
		Authority: Name(t.Chain[0].Subject), Root: Fingerprint(t.Chain[len(t.Chain)-1]),
	}, nil
}

// parseChain reads a file of certificates: each is signed by the next as far as
// the chain goes; what follows are further ones of the token.
func parseChain(b []byte) (chain, further []*x509.Certificate, err error) {
	blocks, err := decodeExact(blockCertificate, b)
	if err != nil || len(blocks) == 0 {
		return nil, nil, fmt.Errorf("chain: %w", ErrFormat)
	}
	list := make([]*x509.Certificate, len(blocks))
	for i, raw := range blocks {
		if list[i], err = x509.ParseCertificate(raw); err != nil {
			return nil, nil, fmt.Errorf("chain: %w: %w", ErrFormat, err)
		}
	}
	end := 0
	for end+1 < len(list) && list[end].CheckSignatureFrom(list[end+1]) == nil && !list[end].Equal(list[end+1]) {
		end++
	}
	if last := list[end]; bytes.Equal(last.RawSubject, last.RawIssuer) {
		if err := last.CheckSignatureFrom(last); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrChain, err)
		}
	}
	return list[:end+1], list[end+1:], nil
}

// checkCertificates fails where the token has a certificate that its file has
// not, or the other way round for further ones: nothing would look at it.
func (t *Token) checkCertificates(chain, further []*x509.Certificate) error {
	in := func(c *x509.Certificate, list []*x509.Certificate) bool {
		return slices.ContainsFunc(list, c.Equal)
	}
	if !in(chain[0], t.Certificates) { // we always ask for it
		return ErrFormat
	}
	for _, c := range t.Certificates {
		if !in(c, chain) && !in(c, further) {
			return ErrFormat
		}
	}
	for _, c := range further {
		if !in(c, t.Certificates) {
			return ErrFormat
		}
	}
	return nil
}
