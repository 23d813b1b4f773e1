package app

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

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

// wrongKind names the field whose value is of another kind than it should be.
// The decoder knows the place only.
func wrongKind(b []byte, err error) (Problem, bool) {
	var kind *yaml.TypeError
	var node *yaml.UnexpectedNodeTypeError
	var list bool
	switch {
	case errors.As(err, &kind) && kind.Token != nil:
		list = kind.DstType.Kind() == reflect.Slice
	case errors.As(err, &node) && node.Token != nil:
		kind = &yaml.TypeError{Token: node.Token, DstType: reflect.TypeFor[Config]()}
		list = node.Expected == ast.SequenceType
	default:
		return Problem{}, false
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return Problem{}, false
	}
	f := finder{line: kind.Token.Position.Line, column: kind.Token.Position.Column}
	for _, doc := range file.Docs {
		ast.Walk(&f, doc)
	}
	p := Problem{Field: strings.TrimPrefix(f.path, "$."), What: say("line %d has a value of another kind", f.line)}
	switch {
	case p.Field == "":
		return p, false
	case list:
		p.Remedy = say("write a list in brackets")
	case kind.DstType.Kind() == reflect.String:
		p.Remedy = say("write one text")
	case kind.DstType.Kind() == reflect.Struct:
		p.Remedy = say("write its fields below it; siegel config shows them")
	default:
		p.Remedy = say("write a number")
	}
	return p, true
}

// finder finds the outermost field at a place.
type finder struct {
	line, column int
	path         string
}

// Visit implements [ast.Visitor].
func (f *finder) Visit(n ast.Node) ast.Visitor {
	if t := n.GetToken(); t != nil && f.path == "" && n.GetPath() != "$" &&
		t.Position.Line == f.line && t.Position.Column == f.column {
		f.path = n.GetPath()
	}
	return f
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

// effective reads a configuration as a server would.
func effective(dir, file string) (Config, Environment, error) {
	e, err := environment(dir)
	if err != nil {
		return Config{}, e, err
	}
	c, err := LoadConfig(file)
	if err != nil {
		return c, e, fault.Because(fault.Invalid, "the configuration cannot be read", err)
	}
	c.complete(dir, e)
	return c, e, nil
}

// EffectiveConfig returns the configuration that applies to a data directory, as
// YAML: a file over the defaults, paths complete.
func EffectiveConfig(dir, file string) (string, error) {
	c, _, err := effective(dir, file)
	if err != nil {
		return "", err
	}
	b, err := yaml.Marshal(c)
	return string(b), err
}

// CheckConfig names every problem of a configuration for a data directory.
func CheckConfig(dir, file string) error {
	c, e, err := effective(dir, file)
	if err != nil {
		return err
	}
	return fault.Because(fault.Invalid, "the configuration has problems", c.Check(e))
}
