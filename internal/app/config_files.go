package app

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"

	"github.com/goccy/go-yaml"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/stamp/authority"
)

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
			problem(f.field, say("the file cannot be read"), say("check the path and its mode"))
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
		if err == nil && (cert.Subject.CommonName == developmentName || authority.Made(cert)) {
			return true
		}
	}
}

// environment is the one of a data directory; production, which is stricter,
// where there is none.
func environment(dir string) (Environment, error) {
	i, err := ReadInstance(dir)
	if fault.Of(err) == fault.NotFound {
		return Production, nil
	}
	return i.Environment, err
}

// effective reads a configuration as a server would. Beside its problems there is
// what could be read.
func effective(dir, file string) (c Config, e Environment, problems, err error) {
	if e, err = environment(dir); err != nil {
		return c, e, nil, err
	}
	c, problems = LoadConfig(file)
	c.complete(dir, e)
	return c, e, problems, nil
}

// EffectiveConfig returns the configuration that applies to a data directory, as
// YAML: a file over the defaults, paths complete.
func EffectiveConfig(dir, file string) (string, error) {
	c, _, problems, err := effective(dir, file)
	if err != nil {
		return "", err
	}
	if problems != nil {
		return "", fault.Because(fault.Invalid, "the configuration cannot be read", problems)
	}
	b, err := yaml.Marshal(c)
	return string(b), err
}

// CheckConfig names every problem of a configuration for a data directory.
func CheckConfig(dir, file string) error {
	c, e, problems, err := effective(dir, file)
	if err != nil {
		return err
	}
	return fault.Because(fault.Invalid, "the configuration has problems", errors.Join(problems, c.Check(e)))
}
