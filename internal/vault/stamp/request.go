package stamp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Request is a question to an authority (RFC 3161 section 2.4.1).
type Request struct {
	Imprint [sha256.Size]byte
	Nonce   *big.Int
	Policy  asn1.ObjectIdentifier // nil: the authority's own
}

// NewRequest asks for a stamp over an imprint, with a fresh nonce.
func NewRequest(imprint [sha256.Size]byte, policy asn1.ObjectIdentifier) Request {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return Request{Imprint: imprint, Nonce: new(big.Int).SetBytes(b[:]), Policy: policy}
}

// Bytes returns the request in DER. It asks for the certificates.
func (r Request) Bytes() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidSHA256)
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(r.Imprint[:])
		})
		if r.Policy != nil {
			b.AddASN1ObjectIdentifier(r.Policy)
		}
		b.AddASN1BigInt(r.Nonce)
		b.AddASN1Boolean(true)
	})
	return b.Bytes()
}

// Response verifies an answer completely and returns the token with what it
// says: status, nonce, imprint, policy, signature, chain.
func (v Verifier) Response(response []byte, r Request) ([]byte, *Token, error) {
	raw, err := parseResponse(response)
	if err != nil {
		return nil, nil, err
	}
	if r.Policy != nil {
		v.Policy = r.Policy
	}
	t, err := v.Verify(raw, r.Imprint, nil)
	if err != nil {
		return nil, nil, err
	}
	if t.Nonce == nil || t.Nonce.Cmp(r.Nonce) != 0 {
		return nil, nil, ErrNonce
	}
	return raw, t, nil
}

// parseResponse takes the token out of a TimeStampResp (RFC 3161 section
// 2.4.2).
func parseResponse(response []byte) ([]byte, error) {
	var s, status, token, text cryptobyte.String
	var code int
	in := cryptobyte.String(response)
	if len(response) > MaxToken || !in.ReadASN1(&s, der.SEQUENCE) || !in.Empty() ||
		!s.ReadASN1(&status, der.SEQUENCE) || !status.ReadASN1Integer(&code) {
		return nil, ErrFormat
	}
	if code != 0 && code != 1 { // granted, granted with modifications
		said := ""
		var list cryptobyte.String
		if status.ReadASN1(&list, der.SEQUENCE) && list.ReadASN1(&text, der.UTF8String) {
			said = string(text[:min(len(text), 200)])
		}
		return nil, fmt.Errorf("%w: status %d, %q", ErrStatus, code, said)
	}
	if !s.ReadASN1Element(&token, der.SEQUENCE) || !s.Empty() {
		return nil, ErrFormat
	}
	return token, nil
}
