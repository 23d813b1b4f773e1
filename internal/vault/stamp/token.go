package stamp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxToken bounds a token and a response, in octets.
const MaxToken = 256 << 10

// maxCertificates bounds the certificates of a token and of a chain.
const maxCertificates = 16

// Errors of verifying. Callers test for them with errors.Is.
var (
	ErrFormat    = errors.New("stamp: not a timestamp")
	ErrStatus    = errors.New("stamp: the authority gave none")
	ErrNonce     = errors.New("stamp: the answer belongs to another request")
	ErrImprint   = errors.New("stamp: something else was stamped")
	ErrPolicy    = errors.New("stamp: made under another policy")
	ErrSigner    = errors.New("stamp: the certificate is not one for timestamps, or not the signer's")
	ErrSignature = errors.New("stamp: the signature is wrong")
	ErrChain     = errors.New("stamp: the certificate does not lead to a trusted root")
	ErrRevoked   = errors.New("stamp: the certificate was revoked, or its revocation list is not usable")
)

// Token is a timestamp that was verified.
type Token struct {
	Time     time.Time     // when the authority saw the imprint; UTC
	Accuracy time.Duration // what the authority says of its clock, 0 for nothing
	Policy   asn1.ObjectIdentifier
	Serial   *big.Int
	Nonce    *big.Int // nil where there is none
	// Chain leads from the signer's certificate to the root.
	Chain []*x509.Certificate
	// Certificates are those that the token carries, in its order.
	Certificates []*x509.Certificate
}

// Latest returns the last moment that the token admits: its time with its
// accuracy, which is a second at least, because most authorities write whole
// ones.
func (t *Token) Latest() time.Time { return t.Time.Add(max(t.Accuracy, time.Second)) }

// Verifier checks timestamps against roots. Use it from many goroutines.
type Verifier struct {
	// Roots are what a chain has to lead to. They come from the operator or the
	// reader, never from the token.
	Roots []*x509.Certificate
	// Policy, where it is not nil, is the one that a token must name.
	Policy asn1.ObjectIdentifier
}

// Verify checks a token (CMS SignedData in DER, RFC 3161 section 2.4.2) over an
// imprint with SHA-256. more are certificates beside the token's own that the
// chain may need. The chain must have been valid at the time that the token
// says. The errors are those of this package.
func (v Verifier) Verify(token []byte, imprint [sha256.Size]byte, more []*x509.Certificate) (*Token, error) {
	m, err := parseMessage(token)
	if err != nil {
		return nil, err
	}
	info, err := parseInfo(m.content)
	if err != nil {
		return nil, err
	}
	if info.hash != crypto.SHA256 || !bytes.Equal(info.imprint, imprint[:]) {
		return nil, ErrImprint
	}
	if v.Policy != nil && !v.Policy.Equal(info.policy) {
		return nil, ErrPolicy
	}
	signer, err := m.signer(more)
	if err != nil {
		return nil, err
	}
	if err := m.verify(signer); err != nil {
		return nil, err
	}
	chain, err := v.chain(signer, slices.Concat(m.certificates, more), info.time)
	if err != nil {
		return nil, err
	}
	return &Token{
		Time: info.time, Accuracy: info.accuracy, Policy: info.policy,
		Serial: info.serial, Nonce: info.nonce, Chain: chain, Certificates: m.certificates,
	}, nil
}

// chain checks that the certificate is one for timestamps alone, marked so
// critically (RFC 3161 section 2.3), and finds its way to a root.
func (v Verifier) chain(signer *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	critical := false
	for _, e := range signer.Extensions {
		if e.Id.Equal(oidExtKeyUsage) {
			critical = e.Critical
		}
	}
	if !critical || len(signer.ExtKeyUsage) != 1 || signer.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(signer.UnknownExtKeyUsage) > 0 {
		return nil, ErrSigner
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range v.Roots {
		roots.AddCert(c)
	}
	for _, c := range others {
		between.AddCert(c)
	}
	chains, err := signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	return chains[0], nil
}

// info is a TSTInfo (RFC 3161 section 2.4.2).
type info struct {
	policy   asn1.ObjectIdentifier
	hash     crypto.Hash
	imprint  []byte
	serial   *big.Int
	time     time.Time
	accuracy time.Duration
	nonce    *big.Int
}

func parseInfo(content []byte) (*info, error) {
	t := info{serial: new(big.Int)}
	var s, imprint, accuracy cryptobyte.String
	var version int
	var stamp cryptobyte.String
	var ordering, hasAccuracy bool
	in := cryptobyte.String(content)
	ok := in.ReadASN1(&s, der.SEQUENCE) && in.Empty() &&
		s.ReadASN1Integer(&version) && version == 1 &&
		s.ReadASN1ObjectIdentifier(&t.policy) &&
		s.ReadASN1(&imprint, der.SEQUENCE) && readHash(&imprint, &t.hash) &&
		imprint.ReadASN1Bytes(&t.imprint, der.OCTET_STRING) && imprint.Empty() &&
		s.ReadASN1Integer(t.serial) &&
		s.ReadASN1(&stamp, der.GeneralizedTime) && parseTime(string(stamp), &t.time) &&
		s.ReadOptionalASN1(&accuracy, &hasAccuracy, der.SEQUENCE) &&
		(!hasAccuracy || parseAccuracy(accuracy, &t.accuracy)) &&
		readDefaultFalse(&s, &ordering)
	if !ok {
		return nil, ErrFormat
	}
	if s.PeekASN1Tag(der.INTEGER) {
		t.nonce = new(big.Int)
		ok = s.ReadASN1Integer(t.nonce)
	}
	ok = ok && s.SkipOptionalASN1(der.Tag(0).ContextSpecific().Constructed())
	if !ok || !s.Empty() { // extensions: none is known, and a critical one would have to be
		return &t, skipExtensions(s)
	}
	return &t, nil
}

// skipExtensions fails where one is critical.
func skipExtensions(s cryptobyte.String) error {
	var list, e, value cryptobyte.String
	if !s.ReadASN1(&list, der.Tag(1).ContextSpecific().Constructed()) || !s.Empty() || list.Empty() {
		return ErrFormat
	}
	for !list.Empty() {
		var id asn1.ObjectIdentifier
		critical := false
		if !list.ReadASN1(&e, der.SEQUENCE) || !e.ReadASN1ObjectIdentifier(&id) ||
			!readDefaultFalse(&e, &critical) || !e.ReadASN1(&value, der.OCTET_STRING) || !e.Empty() || critical {
			return ErrFormat
		}
	}
	return nil
}

// readDefaultFalse reads a BOOLEAN that DER leaves out where it is false.
func readDefaultFalse(s *cryptobyte.String, v *bool) bool {
	*v = false
	return !s.PeekASN1Tag(der.BOOLEAN) || s.ReadASN1Boolean(v) && *v
}

// parseTime reads a GeneralizedTime as DER has it: UTC, seconds, a fraction
// without trailing zeros.
func parseTime(s string, t *time.Time) bool {
	const layout = "20060102150405.999999999Z"
	at, err := time.Parse(layout, s)
	*t = at.UTC()
	return err == nil && at.UTC().Format(layout) == s
}

func parseAccuracy(s cryptobyte.String, a *time.Duration) bool {
	var seconds, millis, micros int64
	if s.PeekASN1Tag(der.INTEGER) && !s.ReadASN1Integer(&seconds) {
		return false
	}
	for tag, part := range []*int64{&millis, &micros} {
		t := der.Tag(tag).ContextSpecific()
		if s.PeekASN1Tag(t) && !s.ReadASN1Int64WithTag(part, t) {
			return false
		}
	}
	*a = time.Duration(seconds)*time.Second + time.Duration(millis)*time.Millisecond + time.Duration(micros)*time.Microsecond
	return s.Empty() && seconds >= 0 && seconds < 1<<20 && millis >= 0 && millis < 1000 && micros >= 0 && micros < 1000
}
