// Package testparts makes what a test environment has instead of the real thing. It
// is part of app.
package testparts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"time"

	"siegel/internal/app/config"
	"siegel/internal/kit/durable"
	"siegel/internal/vault/stamp/authority"
)

// Create makes what a test environment has instead of the real thing:
// a certificate for loopback and a timestamp authority.
func Create(dir string, now time.Time) error {
	if err := durable.Mkdir(filepath.Join(dir, config.DirTest), 0o700); err != nil {
		return err
	}
	if err := createCertificate(filepath.Join(dir, config.DirTest), now); err != nil {
		return err
	}
	return authority.Create(filepath.Join(dir, config.DirTest, Authority), now)
}

// Authority is where the test authority lies, in the directory of test
// parts.
const Authority = "tsa"

// createCertificate makes a self-signed certificate for loopback.
func createCertificate(dir string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: config.DevelopmentName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	err = durable.CreateFile(filepath.Join(dir, "tls.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o444)
	if err != nil {
		return err
	}
	return durable.CreateFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o400)
}
