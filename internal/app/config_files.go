package app

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"siegel/internal/vault/stamp/authority"
)

// checkFiles looks at the files that the configuration names. Production takes
// none of what init makes for tests (decision D18).
func (c Config) checkFiles(environment Environment, problem func(field string, what, remedy Sentence)) {
	for _, f := range []struct {
		field, path string
	}{{"tls.certificate", c.TLS.Certificate}, {"tls.key", c.TLS.Key}, {"timestamps.roots", c.Timestamps.Roots}} {
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

// wrongDuration names the field whose duration cannot be read, which the
// decoder does not; it returns nothing where there is none.
func wrongDuration(b []byte) string {
	var c struct {
		Limits struct {
			Idle string `yaml:"idle"`
		} `yaml:"limits"`
		Ledger struct {
			CheckpointEvery string `yaml:"checkpoint_every"`
		} `yaml:"ledger"`
	}
	if yaml.Unmarshal(b, &c) != nil {
		return ""
	}
	for _, f := range []struct{ field, text string }{
		{"limits.idle", c.Limits.Idle}, {"ledger.checkpoint_every", c.Ledger.CheckpointEvery},
	} {
		if _, err := time.ParseDuration(f.text); f.text != "" && err != nil {
			return f.field + ": "
		}
	}
	return ""
}
