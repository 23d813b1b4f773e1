package stamp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"siegel/internal/vault/stamp"
)

// What people read of a certificate's subject is its name as it is, with nothing escaped
// (RFC 4514 section 2.4 would write Foo\, Bar).
func TestName(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	for _, tt := range []struct {
		subject pkix.Name
		want    string
	}{
		{pkix.Name{CommonName: "Stamps 7", Organization: []string{"Foo, Bar"}}, "Stamps 7 (Foo, Bar)"},
		{pkix.Name{Organization: []string{"Foo, Bar"}}, "Foo, Bar"},
		{pkix.Name{CommonName: `Foo\Bar + "Baz" <x>; #=`}, `Foo\Bar + "Baz" <x>; #=`},
		{pkix.Name{CommonName: "Foo, Bar stamps", Organization: []string{"Foo, Bar"}, Country: []string{"DE"}}, "Foo, Bar stamps"},
		{pkix.Name{CommonName: "Zeitstempel Müller", Organization: []string{"A", "B"}}, "Zeitstempel Müller (A, B)"},
		{pkix.Name{Country: []string{"DE"}, OrganizationalUnit: []string{"Foo, Bar"}}, `OU=Foo\, Bar,C=DE`},
		{pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nok b\x1b[2J\u202ec"}}}, "a�ok b�[2J�c"},
		{pkix.Name{CommonName: strings.Repeat("ü", 300)}, strings.Repeat("ü", 199) + "…"},
		{pkix.Name{}, "?"},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: tt.subject, NotBefore: now(), NotAfter: now()}
		c := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
		if got := stamp.Name(c.Subject); got != tt.want {
			t.Errorf("%s is called %q, want %q", c.Subject, got, tt.want)
		}
	}
}
