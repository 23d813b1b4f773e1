// Package authority is an RFC 3161 authority for tests and for the test
// environment: it stamps what anybody asks with a key that lies about, so its
// stamps prove nothing. In production it is refused (decision D11).
package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/digitorus/timestamp"

	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/stamp"
)

// Files of an authority in its directory.
const (
	fileRoot  = "root.pem"  // the root, for verifiers
	fileChain = "chain.pem" // the authority's certificate, then the root
	fileKey   = "tsa.key"   // PKCS #8
)

// policy is the one that stamps name; it belongs to nobody.
func policy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 25, 1} }

// Options chooses how an authority is made.
type Options struct {
	Now      func() time.Time
	Validity time.Duration // of the certificates, from Now on; 0 means ten years
	RSA      bool          // keys with RSA, otherwise ECDSA P-256
	Lists    string        // URL of the revocation list, none where empty
	// Usage and Critical are how the certificate says that it is for timestamps;
	// tests of refusals set others.
	Usage       x509.ExtKeyUsage // 0 (any) means time stamping
	NotCritical bool
}

// Authority answers requests. Use it from many goroutines.
type Authority struct {
	now   func() time.Time
	chain []*x509.Certificate // own, root
	key   crypto.Signer
	root  crypto.Signer // nil where it was opened from files
}

// New makes an authority with fresh keys, in memory.
func New(o Options) (_ *Authority, err error) {
	defer fault.Wrap(&err, "test authority")
	a := &Authority{now: o.Now}
	if a.root, err = newKey(o.RSA); err != nil {
		return nil, err
	}
	if a.key, err = newKey(o.RSA); err != nil {
		return nil, err
	}
	if o.Validity == 0 {
		o.Validity = 10 * 365 * 24 * time.Hour
	}
	begin := o.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	end := o.Now().Add(o.Validity).UTC().Truncate(time.Second)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: rootName},
		NotBefore: begin, NotAfter: end, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	usage, err := extKeyUsage(o)
	if err != nil {
		return nil, err
	}
	own := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: ownName},
		NotBefore: begin, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{usage}, BasicConstraintsValid: true,
	}
	if o.Lists != "" {
		own.CRLDistributionPoints = []string{o.Lists}
	}
	first, err := issue(root, root, a.root.Public(), a.root)
	if err != nil {
		return nil, err
	}
	second, err := issue(own, first, a.key.Public(), a.root)
	if err != nil {
		return nil, err
	}
	a.chain = []*x509.Certificate{second, first}
	return a, nil
}

func newKey(useRSA bool) (crypto.Signer, error) {
	if useRSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// extKeyUsage makes the extension by hand: crypto/x509 would not mark it
// critical, as RFC 3161 section 2.3 wants.
func extKeyUsage(o Options) (pkix.Extension, error) {
	id := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8} // time stamping
	if o.Usage == x509.ExtKeyUsageServerAuth {
		id[8] = 1
	}
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{id})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: !o.NotCritical, Value: value}, err
}

func issue(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// Subjects of the certificates that Create makes.
const (
	rootName = "Siegel test root, proves nothing"
	ownName  = "Siegel test timestamp authority, proves nothing"
)

// Made reports whether a certificate has the subject of one that Create made.
func Made(c *x509.Certificate) bool {
	return c.Subject.CommonName == rootName || c.Subject.CommonName == ownName
}

// Create makes an authority in a directory, which it creates: tsa.key,
// chain.pem and root.pem in that order, all of mode 0400. The root's key is
// forgotten. It fails where the files exist.
func Create(dir string, now time.Time) (err error) {
	defer fault.Wrap(&err, "test authority")
	a, err := New(Options{Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	// The root comes last: where it is, the others are.
	for _, f := range []struct {
		name string
		body []byte
	}{
		{fileKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})},
		{fileChain, stamp.Encode(a.chain)},
		{fileRoot, stamp.Encode(a.Roots())},
	} {
		if err := durable.CreateFile(filepath.Join(dir, f.name), f.body, 0o400); err != nil {
			return err
		}
	}
	return nil
}

// Open reads an authority from its directory.
func Open(dir string, now func() time.Time) (_ *Authority, err error) {
	defer fault.Wrap(&err, "test authority")
	b, err := os.ReadFile(filepath.Join(dir, fileChain))
	if err != nil {
		return nil, err
	}
	a := &Authority{now: now}
	if a.chain, err = stamp.ParseCertificates(b); err != nil {
		return nil, err
	}
	if b, err = os.ReadFile(filepath.Join(dir, fileKey)); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || len(a.chain) != 2 {
		return nil, errors.New("the files are damaged")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	a.key = signer
	return a, nil
}

// Roots returns what a verifier has to trust.
func (a *Authority) Roots() []*x509.Certificate { return a.chain[1:] }

// Post answers a request (DER).
func (a *Authority) Post(_ context.Context, request []byte) ([]byte, error) {
	r, err := timestamp.ParseRequest(request)
	if err != nil {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadRequest)
	}
	t := timestamp.Timestamp{
		HashAlgorithm: r.HashAlgorithm, HashedMessage: r.HashedMessage, Time: a.now().UTC().Truncate(time.Second),
		Accuracy: time.Second, Nonce: r.Nonce, Policy: policy(),
		Certificates: a.chain[1:], AddTSACertificate: r.Certificates,
	}
	return t.CreateResponseWithOpts(a.chain[0], a.key, crypto.SHA256)
}

// List returns a revocation list (DER) that names the given serial numbers as
// revoked at a time. It fails where the root's key is forgotten.
func (a *Authority) List(at time.Time, serials ...*big.Int) ([]byte, error) {
	if a.root == nil {
		return nil, errors.New("the root's key is forgotten")
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: a.now().Add(-time.Minute), NextUpdate: a.now().Add(24 * time.Hour)}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: at})
	}
	return x509.CreateRevocationList(rand.Reader, list, a.chain[1], a.root)
}

// Fetch returns an empty revocation list, whatever the address: in process
// there is no other.
func (a *Authority) Fetch(context.Context, string) ([]byte, error) { return a.List(time.Time{}) }

// ServeHTTP answers requests over HTTP (RFC 3161 section 3.4).
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, stamp.MaxToken))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a timestamp query", http.StatusBadRequest)
		return
	}
	answer, err := a.Post(r.Context(), body)
	if err != nil {
		http.Error(w, "cannot stamp", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(answer) // who does not listen asks again
}
