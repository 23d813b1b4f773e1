package stamp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names a certificate in the older signing-certificate attribute, see certificateHash
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of RFC 3161, RFC 5035, RFC 5652, RFC 5754 and RFC 8017.
var (
	oidSignedData      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidInfo            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidRSA             = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS             = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSAWithSHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSAWithSHA384   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSAWithSHA512   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSAWithSHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
)

// Tags of X.690: context-specific, the first two constructed.
const (
	contextZero          = der.Tag(0xa0)
	contextOne           = der.Tag(0xa1)
	contextZeroPrimitive = der.Tag(0x80)
)

// message is a CMS SignedData with one signer (RFC 5652 section 5).
type message struct {
	content      []byte // the TSTInfo
	certificates []*x509.Certificate

	issuer     []byte // of the signer's certificate, in DER; nil where it is named by key id
	serial     *big.Int
	keyID      []byte
	digest     crypto.Hash
	attributes []byte // signed ones, as the SET that is signed
	found      map[string]cryptobyte.String
	algorithm  asn1.ObjectIdentifier
	parameters cryptobyte.String
	signature  []byte
}

func parseMessage(token []byte) (*message, error) {
	m := &message{}
	var outer, wrapped, s, digests, encap, content, certificates, signers cryptobyte.String
	var kind, contentKind asn1.ObjectIdentifier
	var version int
	var hasCertificates bool
	var digest crypto.Hash
	in := cryptobyte.String(token)
	ok := len(token) <= MaxToken &&
		in.ReadASN1(&outer, der.SEQUENCE) && in.Empty() &&
		outer.ReadASN1ObjectIdentifier(&kind) && kind.Equal(oidSignedData) &&
		outer.ReadASN1(&wrapped, contextZero) && outer.Empty() &&
		wrapped.ReadASN1(&s, der.SEQUENCE) && wrapped.Empty() &&
		s.ReadASN1Integer(&version) && version == 3 &&
		s.ReadASN1(&digests, der.SET) && readHash(&digests, &digest) && digests.Empty() &&
		s.ReadASN1(&encap, der.SEQUENCE) &&
		encap.ReadASN1ObjectIdentifier(&contentKind) && contentKind.Equal(oidInfo) &&
		encap.ReadASN1(&content, contextZero) && encap.Empty() &&
		content.ReadASN1Bytes(&m.content, der.OCTET_STRING) && content.Empty() &&
		s.ReadOptionalASN1(&certificates, &hasCertificates, contextZero) &&
		s.SkipOptionalASN1(contextOne) && // revocation lists: ours are kept beside the token
		s.ReadASN1(&signers, der.SET) && s.Empty()
	if !ok {
		return nil, ErrFormat
	}
	for !certificates.Empty() {
		var raw cryptobyte.String
		if !certificates.ReadASN1Element(&raw, der.SEQUENCE) || len(m.certificates) == maxCertificates {
			return nil, ErrFormat
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, ErrFormat
		}
		m.certificates = append(m.certificates, c)
	}
	if !m.parseSigner(signers) || m.digest != digest {
		return nil, ErrFormat
	}
	return m, nil
}

// parseSigner reads the one SignerInfo.
func (m *message) parseSigner(signers cryptobyte.String) bool {
	var s, name, attributes, algorithm, keyID cryptobyte.String
	var version int
	if !signers.ReadASN1(&s, der.SEQUENCE) || !signers.Empty() || !s.ReadASN1Integer(&version) {
		return false
	}
	switch {
	case version == 1 && s.ReadASN1(&name, der.SEQUENCE):
		var issuer cryptobyte.String
		m.serial = new(big.Int)
		if !name.ReadASN1Element(&issuer, der.SEQUENCE) || !name.ReadASN1Integer(m.serial) || !name.Empty() {
			return false
		}
		m.issuer = issuer
	case version == 3 && s.ReadASN1(&keyID, contextZeroPrimitive):
		m.keyID = keyID
	default:
		return false
	}
	if !readHash(&s, &m.digest) || !s.ReadASN1Element(&attributes, contextZero) ||
		!s.ReadASN1(&algorithm, der.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&m.algorithm) ||
		!s.ReadASN1Bytes(&m.signature, der.OCTET_STRING) || !s.SkipOptionalASN1(contextOne) || !s.Empty() {
		return false
	}
	m.parameters = algorithm
	// RFC 5652 section 5.4: what is signed has the tag of a SET.
	m.attributes = bytes.Clone(attributes)
	m.attributes[0] = byte(der.SET)
	return m.parseAttributes(attributes)
}

func (m *message) parseAttributes(element cryptobyte.String) bool {
	m.found = make(map[string]cryptobyte.String)
	var list cryptobyte.String
	if !element.ReadASN1(&list, contextZero) {
		return false
	}
	for !list.Empty() {
		var a, values cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1(&a, der.SEQUENCE) || !a.ReadASN1ObjectIdentifier(&id) || !a.ReadASN1(&values, der.SET) || !a.Empty() {
			return false
		}
		if _, twice := m.found[id.String()]; twice || len(m.found) == 32 {
			return false
		}
		m.found[id.String()] = values
	}
	return true
}

// signer finds the certificate that the signer names.
func (m *message) signer(more []*x509.Certificate) (*x509.Certificate, error) {
	for _, list := range [][]*x509.Certificate{m.certificates, more} {
		for _, c := range list {
			if m.issuer != nil && bytes.Equal(c.RawIssuer, m.issuer) && c.SerialNumber.Cmp(m.serial) == 0 ||
				m.keyID != nil && bytes.Equal(c.SubjectKeyId, m.keyID) {
				return c, nil
			}
		}
	}
	return nil, ErrSigner
}

// verify checks the signed attributes and the signature over them.
func (m *message) verify(signer *x509.Certificate) error {
	var kind asn1.ObjectIdentifier
	var digest []byte
	contentType, messageDigest := m.found[oidContentType.String()], m.found[oidMessageDigest.String()]
	if !contentType.ReadASN1ObjectIdentifier(&kind) || !contentType.Empty() || !kind.Equal(oidInfo) ||
		!messageDigest.ReadASN1Bytes(&digest, der.OCTET_STRING) || !messageDigest.Empty() {
		return ErrFormat
	}
	if !bytes.Equal(digest, sum(m.digest, m.content)) {
		return ErrSignature
	}
	if err := m.checkNamed(signer); err != nil {
		return err
	}
	if !m.checkSignature(signer.PublicKey, sum(m.digest, m.attributes)) {
		return ErrSignature
	}
	return nil
}

// checkNamed compares the signer's certificate with the signing-certificate
// attribute (RFC 5816, RFC 2634 section 5.4): without it another certificate of
// the same key would do.
func (m *message) checkNamed(signer *x509.Certificate) error {
	named := false
	for _, v := range []struct {
		id asn1.ObjectIdentifier
		v2 bool
	}{{oidSigningCert, false}, {oidSigningCertV2, true}} {
		values, ok := m.found[v.id.String()]
		if !ok {
			continue
		}
		named = true
		var s, list, id cryptobyte.String
		var hash []byte
		h := crypto.SHA1
		if v.v2 {
			h = crypto.SHA256
		}
		if !values.ReadASN1(&s, der.SEQUENCE) || !values.Empty() || !s.ReadASN1(&list, der.SEQUENCE) || !list.ReadASN1(&id, der.SEQUENCE) {
			return ErrFormat
		}
		if v.v2 && id.PeekASN1Tag(der.SEQUENCE) && !readHash(&id, &h) {
			return ErrFormat
		}
		if !id.ReadASN1Bytes(&hash, der.OCTET_STRING) {
			return ErrFormat
		}
		if !bytes.Equal(hash, sum(h, signer.Raw)) {
			return ErrSigner
		}
	}
	if !named {
		return ErrSigner
	}
	return nil
}

func (m *message) checkSignature(key any, digest []byte) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if m.algorithm.Equal(oidPSS) {
			return m.pssHash() == m.digest && rsa.VerifyPSS(k, m.digest, digest, m.signature, nil) == nil
		}
		named := m.algorithm.Equal(oidRSA) || m.algorithm.Equal(map[crypto.Hash]asn1.ObjectIdentifier{
			crypto.SHA256: oidRSAWithSHA256, crypto.SHA384: oidRSAWithSHA384, crypto.SHA512: oidRSAWithSHA512,
		}[m.digest])
		return named && absent(m.parameters) && k.N.BitLen() >= 2048 && rsa.VerifyPKCS1v15(k, m.digest, digest, m.signature) == nil
	case *ecdsa.PublicKey:
		named := m.algorithm.Equal(map[crypto.Hash]asn1.ObjectIdentifier{
			crypto.SHA256: oidECDSAWithSHA256, crypto.SHA384: oidECDSAWithSHA384, crypto.SHA512: oidECDSAWithSHA512,
		}[m.digest])
		return named && m.parameters.Empty() && ecdsa.VerifyASN1(k, digest, m.signature)
	default:
		return false
	}
}

// pssHash reads the hash of RSASSA-PSS parameters (RFC 8017 section A.2.3), of
// which only the usual ones are taken: MGF1 with the same hash.
func (m *message) pssHash() crypto.Hash {
	var s, first, second, mask cryptobyte.String
	var h, masked crypto.Hash
	var id asn1.ObjectIdentifier
	p := m.parameters
	if !p.ReadASN1(&s, der.SEQUENCE) || !p.Empty() ||
		!s.ReadASN1(&first, contextZero) || !readHash(&first, &h) || !first.Empty() ||
		!s.ReadASN1(&second, contextOne) || !second.ReadASN1(&mask, der.SEQUENCE) || !second.Empty() ||
		!mask.ReadASN1ObjectIdentifier(&id) || !readHash(&mask, &masked) || !mask.Empty() || masked != h {
		return 0
	}
	return h
}

// readHash reads the AlgorithmIdentifier of a hash that we accept.
func readHash(s *cryptobyte.String, h *crypto.Hash) bool {
	var a cryptobyte.String
	var id asn1.ObjectIdentifier
	if !s.ReadASN1(&a, der.SEQUENCE) || !a.ReadASN1ObjectIdentifier(&id) || !absent(a) {
		return false
	}
	switch {
	case id.Equal(oidSHA256):
		*h = crypto.SHA256
	case id.Equal(oidSHA384):
		*h = crypto.SHA384
	case id.Equal(oidSHA512):
		*h = crypto.SHA512
	default:
		return false
	}
	return true
}

// absent reports whether parameters are left out or NULL (RFC 5754 section 2).
func absent(s cryptobyte.String) bool {
	var null cryptobyte.String
	return s.Empty() || s.ReadASN1(&null, der.NULL) && null.Empty() && s.Empty()
}

// sum hashes with one of the hashes that readHash knows, or with SHA-1 where an
// older attribute names a certificate so: the certificate is in the token
// either way, so a second one of the same SHA-1 would have to be a certificate
// for timestamps of the same key from the same root.
func sum(h crypto.Hash, b []byte) []byte {
	switch h {
	case crypto.SHA1:
		s := sha1.Sum(b) //nolint:gosec // see above
		return s[:]
	case crypto.SHA384:
		s := sha512.Sum384(b)
		return s[:]
	case crypto.SHA512:
		s := sha512.Sum512(b)
		return s[:]
	default:
		s := sha256.Sum256(b)
		return s[:]
	}
}
