package stamp

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"siegel/internal/proto/bundle"
)

var _ bundle.Stamps = Verifier{}

// Check implements [bundle.Stamps]: it verifies a token with the chain and the
// revocation lists that were kept beside it. Without roots in the verifier the
// last certificate of the chain is taken for one, and the result says that
// nobody vouched for it.
func (v Verifier) Check(imprint [sha256.Size]byte, f bundle.StampFiles) (bundle.Stamp, error) {
	chain, err := parseChain(f.Chain)
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
	lists, err := decodeExact(blockList, f.Lists)
	if err != nil {
		return bundle.Stamp{}, err
	}
	if err := t.CheckRevocation(lists); err != nil {
		return bundle.Stamp{}, err
	}
	return bundle.Stamp{
		Time: t.Time, Latest: t.Latest(), Trusted: trusted,
		Authority: t.Chain[0].Subject.String(), Root: Fingerprint(t.Chain[len(t.Chain)-1]),
	}, nil
}

// parseChain reads a chain file: each certificate is signed by the next, the
// last by itself.
func parseChain(b []byte) ([]*x509.Certificate, error) {
	blocks, err := decodeExact(blockCertificate, b)
	if err != nil || len(blocks) == 0 {
		return nil, fmt.Errorf("chain: %w", ErrFormat)
	}
	chain := make([]*x509.Certificate, len(blocks))
	for i, raw := range blocks {
		if chain[i], err = x509.ParseCertificate(raw); err != nil {
			return nil, fmt.Errorf("chain: %w: %w", ErrFormat, err)
		}
	}
	for i, c := range chain {
		if err := c.CheckSignatureFrom(chain[min(i+1, len(chain)-1)]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrChain, err)
		}
	}
	return chain, nil
}
