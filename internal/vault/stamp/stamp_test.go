package stamp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/proto/bundle"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
)

func now() time.Time { return time.Date(2026, 11, 22, 14, 38, 18, 0, time.UTC) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// stamped returns a verified token over the imprint of text.
func stamped(t testing.TB, a *authority.Authority, text string) ([]byte, *stamp.Token) {
	t.Helper()
	r := stamp.NewRequest(sha256.Sum256([]byte(text)), nil)
	raw, token, err := stamp.Verifier{Roots: a.Roots()}.Response(must(a.Post(t.Context(), must(r.Bytes()))), r)
	if err != nil {
		t.Fatal(err)
	}
	return raw, token
}

func TestVerify(t *testing.T) {
	for _, o := range []authority.Options{{Now: now}, {Now: now, RSA: true}} {
		a := must(authority.New(o))
		raw, token := stamped(t, a, "text")
		if !token.Time.Equal(now()) || token.Accuracy != time.Second || len(token.Chain) != 2 {
			t.Errorf("%+v", token)
		}
		v := stamp.Verifier{Roots: a.Roots()}
		imprint := sha256.Sum256([]byte("text"))
		if _, err := v.Verify(raw, sha256.Sum256([]byte("other")), nil); !errors.Is(err, stamp.ErrImprint) {
			t.Errorf("imprint: %v", err)
		}
		if _, err := (stamp.Verifier{}).Verify(raw, imprint, nil); !errors.Is(err, stamp.ErrChain) {
			t.Errorf("no roots: %v", err)
		}
		if _, err := (stamp.Verifier{Roots: a.Roots(), Policy: []int{1, 2, 3}}).Verify(raw, imprint, nil); !errors.Is(err, stamp.ErrPolicy) {
			t.Errorf("policy: %v", err)
		}
		later := must(authority.New(authority.Options{Now: func() time.Time { return now().Add(20 * 365 * 24 * time.Hour) }, RSA: o.RSA}))
		raw, _ = stamped(t, later, "text")
		if _, err := v.Verify(raw, imprint, nil); !errors.Is(err, stamp.ErrChain) {
			t.Errorf("other root: %v", err)
		}
	}
}

// An octet of the token that is signed cannot be another.
func TestEveryOctet(t *testing.T) {
	a := must(authority.New(authority.Options{Now: now}))
	raw, token := stamped(t, a, "text")
	files := bundle.StampFiles{Chain: token.File()}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			files.Token = raw
			if _, err := (stamp.Verifier{Roots: a.Roots()}).Check(sha256.Sum256([]byte("text")), files); err == nil {
				t.Fatalf("octet %d, bit %d was taken", i, bit)
			}
			raw[i] ^= 1 << bit
		}
	}
}

func TestRevocation(t *testing.T) {
	a := must(authority.New(authority.Options{Now: now}))
	other := must(authority.New(authority.Options{Now: now}))
	_, token := stamped(t, a, "text")
	for name, tt := range map[string]struct {
		list []byte
		ok   bool
	}{
		"none named":      {must(a.List(now())), true},
		"another named":   {must(a.List(now(), big.NewInt(77))), true},
		"revoked later":   {must(a.List(now().Add(time.Hour), big.NewInt(2))), true},
		"revoked before":  {must(a.List(now().Add(-time.Hour), big.NewInt(2))), false},
		"revoked then":    {must(a.List(now(), big.NewInt(2))), false},
		"another's list":  {must(other.List(now())), false},
		"garbage":         {[]byte("garbage"), false},
		"signature wrong": {flip(must(a.List(now()))), false},
	} {
		if err := token.CheckRevocation([][]byte{tt.list}); (err == nil) != tt.ok || err != nil && !errors.Is(err, stamp.ErrRevoked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flip(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

func TestCreateOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tsa")
	if err := authority.Create(dir, now()); err != nil {
		t.Fatal(err)
	}
	if err := authority.Create(dir, now()); err == nil {
		t.Error("made twice")
	}
	for _, name := range []string{"tsa.key", "chain.pem", "root.pem"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	a := must(authority.Open(dir, now))
	raw, _ := stamped(t, a, "text")
	roots := must(stamp.ParseCertificates(must(os.ReadFile(filepath.Join(dir, "root.pem")))))
	if _, err := (stamp.Verifier{Roots: roots}).Verify(raw, sha256.Sum256([]byte("text")), nil); err != nil {
		t.Error(err)
	}
}

// EV-03: openssl verifies what our test authority stamps.
func TestOpenSSLVerifies(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("skipped: openssl is not installed")
	}
	for _, rsa := range []bool{false, true} {
		a := must(authority.New(authority.Options{Now: now, RSA: rsa}))
		raw, token := stamped(t, a, "text")
		dir := t.TempDir()
		write(t, dir, map[string][]byte{"token": raw, "text": []byte("text"), "roots": stamp.Encode(a.Roots()), "chain": token.File()})
		out, err := openssl(dir, "ts", "-verify", "-token_in", "-in", "token", "-data", "text", "-CAfile", "roots", "-untrusted", "chain", "-attime", fmt.Sprint(now().Unix()))
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func write(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func openssl(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

const tsaConfig = `
[tsa]
default_tsa = it
[it]
dir = .
serial = ./serial
signer_cert = ./signer.pem
certs = ./root.pem
signer_key = ./signer.key
signer_digest = DIGEST
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = ESS
[req]
distinguished_name = dn
prompt = no
[dn]
CN = test
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
`

// We verify what openssl stamps as an authority: RSA, RSA-PSS and ECDSA, both
// forms of the signing-certificate attribute, several hashes.
func TestVerifiesOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("skipped: openssl is not installed")
	}
	for _, tt := range []struct{ key, digest, ess string }{
		{"rsa:2048", "sha256", "sha1"}, {"rsa:2048", "sha512", "sha256"}, {"ec:P-256", "sha256", "sha256"}, {"ec:P-384", "sha384", "sha512"},
	} {
		t.Run(tt.key+" "+tt.digest+" "+tt.ess, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string][]byte{
				"serial": []byte("01\n"), "c.cnf": []byte(strings.NewReplacer("DIGEST", tt.digest, "ESS", tt.ess).Replace(tsaConfig)),
			})
			kind, param, _ := strings.Cut(tt.key, ":")
			newkey := []string{"-newkey", tt.key}
			if kind == "ec" {
				newkey = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + param}
			}
			run := func(args ...string) {
				t.Helper()
				if out, err := openssl(dir, args...); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			run(append([]string{"req", "-x509", "-config", "c.cnf", "-extensions", "root", "-nodes", "-days", "30", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.pem"}, newkey...)...)
			run(append([]string{"req", "-config", "c.cnf", "-nodes", "-subj", "/CN=signer", "-keyout", "signer.key", "-out", "signer.csr"}, newkey...)...)
			run("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key", "-extfile", "c.cnf", "-extensions", "signer", "-days", "30", "-out", "signer.pem", "-set_serial", "7")
			r := stamp.NewRequest(sha256.Sum256([]byte("text")), nil)
			write(t, dir, map[string][]byte{"query": must(r.Bytes())})
			run("ts", "-reply", "-config", "c.cnf", "-queryfile", "query", "-out", "answer")
			v := stamp.Verifier{Roots: must(stamp.ParseCertificates(must(os.ReadFile(filepath.Join(dir, "root.pem")))))}
			raw, token, err := v.Response(must(os.ReadFile(filepath.Join(dir, "answer"))), r)
			if err != nil {
				t.Fatal(err)
			}
			if token.Accuracy != time.Second+500*time.Millisecond+100*time.Microsecond || token.Policy.String() != "1.2.3.4.1" {
				t.Errorf("%+v", token)
			}
			got, err := v.Check(sha256.Sum256([]byte("text")), bundle.StampFiles{Token: raw, Chain: token.File()})
			if err != nil || !got.Trusted {
				t.Errorf("%+v, %v", got, err)
			}
			if kind == "ec" {
				return
			}
			// The same content, signed with RSA-PSS.
			write(t, dir, map[string][]byte{"token": raw})
			run("cms", "-verify", "-noverify", "-inform", "DER", "-in", "token", "-binary", "-out", "content")
			run("cms", "-sign", "-cades", "-binary", "-nodetach", "-nosmimecap", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", "content", "-md", tt.digest,
				"-signer", "signer.pem", "-inkey", "signer.key", "-keyopt", "rsa_padding_mode:pss", "-outform", "DER", "-out", "pss")
			if _, err := v.Verify(must(os.ReadFile(filepath.Join(dir, "pss"))), r.Imprint, nil); err != nil {
				t.Errorf("PSS: %v", err)
			}
		})
	}
}

// answer is a stamped answer that lies in testdata: fuzzing runs in several
// processes, which must all know one authority, and an input that is found has
// to mean the same tomorrow.
type answer struct {
	request  stamp.Request
	response []byte
	roots    []*x509.Certificate
	lists    []byte
}

var update = flag.Bool("update", false, "write testdata/answer anew")

const answers = "testdata/answer"

func newAnswer() answer {
	return answer{request: stamp.Request{Imprint: sha256.Sum256([]byte("text")), Nonce: big.NewInt(1 << 40)}}
}

func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("skipped: without -update the answer stays as it is")
	}
	a, o := must(authority.New(authority.Options{Now: now})), newAnswer()
	write(t, answers, map[string][]byte{
		"response.der": must(a.Post(t.Context(), must(o.request.Bytes()))),
		"roots.pem":    stamp.Encode(a.Roots()), "lists.pem": stamp.EncodeLists([][]byte{must(a.List(now()))}),
	})
}

func readAnswer(t testing.TB) answer {
	t.Helper()
	o := newAnswer()
	o.response = must(os.ReadFile(filepath.Join(answers, "response.der")))
	o.roots = must(stamp.ParseCertificates(must(os.ReadFile(filepath.Join(answers, "roots.pem")))))
	o.lists = must(os.ReadFile(filepath.Join(answers, "lists.pem")))
	return o
}

func FuzzResponse(f *testing.F) {
	o := readAnswer(f)
	v := stamp.Verifier{Roots: o.roots}
	good, token, err := v.Response(o.response, o.request)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(o.response)
	f.Add(good)
	f.Add([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if raw, token, err := v.Response(b, o.request); err == nil && (!token.Time.Equal(now()) || !bytes.Contains(b, raw)) {
			t.Errorf("%+v", token)
		}
		if s, err := v.Check(o.request.Imprint, bundle.StampFiles{Token: b, Chain: token.File()}); err == nil && !s.Time.Equal(now()) {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzFiles(f *testing.F) {
	o := readAnswer(f)
	v := stamp.Verifier{Roots: o.roots}
	raw, token, err := v.Response(o.response, o.request)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := v.Check(o.request.Imprint, bundle.StampFiles{Token: raw, Chain: token.File(), Lists: o.lists}); err != nil {
		f.Fatal(err)
	}
	f.Add(token.File(), o.lists)
	f.Add(token.File(), []byte(nil))
	f.Fuzz(func(t *testing.T, chain, lists []byte) {
		_, err := v.Check(o.request.Imprint, bundle.StampFiles{Token: raw, Chain: chain, Lists: lists})
		if err == nil && !bytes.Equal(chain, token.File()) {
			t.Errorf("other certificates were taken: %q", chain)
		}
	})
}
