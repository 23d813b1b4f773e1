package config

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"

	"siegel/internal/app/kept"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/stamp/authority"
)

// Complete fills what depends on data directory and environment.
func (c *Config) Complete(dir string, e Environment) {
	for _, p := range []*string{&c.TLS.Certificate, &c.TLS.Key, &c.Timestamps.Roots, &c.Database.Postgres, &c.Objects.S3.Secret, &c.Objects.S3.Roots} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i, s := range c.LMTP.Sockets {
		if !filepath.IsAbs(s) {
			c.LMTP.Sockets[i] = filepath.Join(dir, s)
		}
	}
	if e != Test {
		return
	}
	if c.TLS.Certificate == "" && c.TLS.Key == "" {
		c.TLS.Certificate, c.TLS.Key = filepath.Join(dir, DirTest, "tls.pem"), filepath.Join(dir, DirTest, "tls.key")
	}
	if c.Timestamps.URL == "" {
		c.Timestamps.URL = TestAuthority
	}
}

// checkFiles looks at the files that the configuration names. Production takes
// none of what init makes for tests (decision D18).
func (c Config) checkFiles(environment Environment, problem func(field string, what, remedy Sentence)) {
	for _, f := range []struct {
		field, path string
	}{{"tls.certificate", c.TLS.Certificate}, {"tls.key", c.TLS.Key}, {"timestamps.roots", c.Timestamps.Roots}, {"objects.s3.roots", c.Objects.S3.Roots}} {
		if f.path == "" {
			continue
		}
		b, err := os.ReadFile(f.path)
		switch {
		case err != nil:
			problem(f.field, say("the file %s cannot be read", f.path), say("check the path and its mode"))
		case environment == Production && madeForTests(b):
			problem(f.field, say("this certificate was made for tests and proves nothing"), say("name one of a real authority"))
		}
	}
}

// madeForTests reports whether a PEM file has a certificate that init made for a
// test environment.
func madeForTests(b []byte) bool {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return false
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (cert.Subject.CommonName == DevelopmentName || authority.Made(cert)) {
			return true
		}
	}
}

// checkKept looks at what the configuration says of database and object store.
func (c Config) checkKept(problem func(field string, what, remedy Sentence)) {
	s := c.Objects.S3
	missing := say("this is missing")
	for _, f := range []struct{ field, value string }{{"objects.s3.bucket", s.Bucket}, {"objects.s3.access", s.Access}, {"objects.s3.secret", s.Secret}} {
		switch {
		case s.Endpoint != "" && f.value == "":
			problem(f.field, missing, say("set it, or take objects.s3.endpoint away to keep objects in the data directory"))
		case s.Endpoint == "" && f.value != "":
			problem(f.field, say("this works with objects.s3.endpoint only"), say("set objects.s3.endpoint, or take this away"))
		}
	}
	for _, f := range []struct{ field, path string }{{"database.postgres", c.Database.Postgres}, {"objects.s3.secret", s.Secret}} {
		if f.path == "" {
			continue
		}
		switch info, err := os.Stat(f.path); {
		case err != nil:
			problem(f.field, say("the file %s cannot be read", f.path), say("check the path and its mode"))
			continue
		case info.Mode().Perm()&0o077 != 0:
			problem(f.field, say("others can read %s (mode %04o)", f.path, info.Mode().Perm()), say("take their rights away with chmod go-rwx"))
		}
		if f.path != c.Database.Postgres {
			continue
		}
		address, err := kept.Secret(f.path)
		if err == nil {
			err = postgres.CheckAddress(address)
		}
		if err != nil {
			sentence, args := fault.Sentence(err)
			problem(f.field, say(sentence, args...), say("write it as docs/operations.md shows"))
		}
	}
}
