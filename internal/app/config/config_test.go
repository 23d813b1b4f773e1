package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"siegel/internal/app/config"
)

// EX-19: the documented default, an empty file and no file are the same
// configuration, and it has no problems.
func TestDefault(t *testing.T) {
	dir := t.TempDir()
	missing, err := config.Load(filepath.Join(dir, "missing.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, octets := range map[string]string{"example.yaml": config.Default, "empty.yaml": "", "blank.yaml": "\n\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(octets), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(missing, got) {
			t.Errorf("%s differs from the defaults:\n%+v\n%+v", name, got, missing)
		}
	}
	for _, e := range []config.Environment{config.Test, config.Production} {
		if err := missing.Check(e); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
}

// The journal door is shut by default; what listens to more than loopback, or speaks
// TLS from the first octet, needs a certificate, and each problem names its field.
func TestJournal(t *testing.T) {
	var c config.Config
	for name, one := range map[string]struct {
		journal config.Journal
		cert    bool
		want    []string
	}{
		"shut":              {config.Journal{}, false, nil},
		"loopback":          {config.Journal{Listen: []string{"127.0.0.1:2525"}}, false, nil},
		"everywhere":        {config.Journal{Listen: []string{"0.0.0.0:25"}}, false, []string{"journal.listen"}},
		"loopback with TLS": {config.Journal{ListenTLS: []string{"127.0.0.1:465"}}, false, []string{"journal.listen_tls"}},
		"no address":        {config.Journal{Listen: []string{"here"}, ListenTLS: []string{"127.0.0.1:https"}}, true, []string{"journal.listen", "journal.listen_tls"}},
		"no host name":      {config.Journal{Hostname: "a b"}, false, []string{"journal.hostname"}},
	} {
		c, _ = config.Load(filepath.Join(t.TempDir(), "missing.yaml"))
		c.Journal = one.journal
		if one.cert {
			c.TLS.Certificate, c.TLS.Key = os.Args[0], os.Args[0]
		}
		if got := problems(c); !reflect.DeepEqual(got, one.want) {
			t.Errorf("%s: %v, want %v", name, got, one.want)
		}
	}
}

// problems returns the fields that are wrong for production.
func problems(c config.Config) (fields []string) {
	var joined interface{ Unwrap() []error }
	if err := c.Check(config.Production); errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if p, ok := errors.AsType[config.Problem](e); ok {
				fields = append(fields, p.Field)
			}
		}
	}
	return fields
}

// The pages are reached by HTTPS where they are not on this machine, through proxies that are
// named by networks; OP-11: who is told about weaknesses is an address and nothing else.
func TestWeb(t *testing.T) {
	for name, one := range map[string]struct {
		web  config.Web
		want []string
	}{
		"shut":               {config.Web{}, nil},
		"a site":             {config.Web{URL: "https://archive.example", Proxies: []string{"10.0.0.0/8", "::1"}, SecurityContact: "cert@clinic.example"}, nil},
		"on this machine":    {config.Web{URL: "http://localhost:8025"}, nil},
		"without encryption": {config.Web{URL: "http://archive.example"}, []string{"web.url"}},
		"a page":             {config.Web{URL: "https://archive.example/x?y"}, []string{"web.url"}},
		"proxies by name":    {config.Web{Proxies: []string{"proxy.example"}}, []string{"web.proxies"}},
		"nobody":             {config.Web{SecurityContact: "cert"}, []string{"web.security_contact"}},
		"two lines":          {config.Web{SecurityContact: "cert@clinic.example\nPolicy: x"}, []string{"web.security_contact"}},
		"a name beside":      {config.Web{SecurityContact: "Cert <cert@clinic.example>"}, []string{"web.security_contact"}},
	} {
		c, _ := config.Load(filepath.Join(t.TempDir(), "missing.yaml"))
		c.Web = one.web
		if got := problems(c); !reflect.DeepEqual(got, one.want) {
			t.Errorf("%s: %v, want %v", name, got, one.want)
		}
	}
}
