package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/ledger"
)

// clientCert returns a certificate as PEM and the hash of its key.
func clientCert(t *testing.T) (file, hash []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), sum[:]
}

func at(ip string) netip.Addr { return netip.MustParseAddr(ip) }

// match says what becomes of a client at an address.
func (h *house) match(to mail.Address, p source.Proof) string {
	h.Helper()
	f, err := h.id.Sources().Match(context.Background(), to, p)
	switch {
	case err == nil:
		return f.ID.String()
	case errors.Is(err, source.ErrSignIn):
		return "sign in"
	case errors.Is(err, source.ErrNone):
		return "none"
	default:
		return fault.Of(err).String()
	}
}

// D17: a source is who delivers to its journal address and shows what it was
// registered with, all of it; others get one and the same answer.
func TestSourceMatch(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	file, hash := clientCert(t)
	add := func(n source.Registration) source.Added {
		t.Helper()
		if n.Form == "" {
			n.Form = mail.Reports
		}
		out, err := h.id.AddSource(t.Context(), admin, n)
		h.ok(err)
		return out
	}
	net := add(source.Registration{Name: "net", Address: "net@a.test", Networks: []string{"192.0.2.7/24", "2001:db8::1", "192.0.2.0/24"}})
	cert := add(source.Registration{Name: "cert", Address: "cert@a.test", Certificate: file})
	auth := add(source.Registration{Name: "auth", Address: "auth@a.test", SignIn: true})
	both := add(source.Registration{Name: "both", Address: "both@a.test", Networks: []string{"198.51.100.1"}, SignIn: true})
	second := add(source.Registration{Name: "net2", Address: "net@a.test", Networks: []string{"203.0.113.0/24"}, Form: mail.Copies})
	if strings.Join(net.Networks, " ") != "192.0.2.0/24 2001:db8::1/128" || net.User != "" || net.Secret != "" || auth.User != "auth@a.test" || len(auth.Secret) != 43 {
		t.Errorf("%+v, %+v", net, auth)
	}
	for _, c := range []struct {
		to   mail.Address
		p    source.Proof
		want string
	}{
		{"net@a.test", source.Proof{Peer: at("192.0.2.99")}, net.ID.String()},
		{"net@a.test", source.Proof{Peer: at("::ffff:192.0.2.99")}, net.ID.String()},
		{"net@a.test", source.Proof{Peer: at("2001:db8::1")}, net.ID.String()},
		{"net@a.test", source.Proof{Peer: at("203.0.113.4")}, second.ID.String()},
		{"net@a.test", source.Proof{Peer: at("192.0.3.1"), Certificate: hash, Source: auth.ID}, "none"},
		{"cert@a.test", source.Proof{Peer: at("192.0.2.1"), Certificate: hash}, cert.ID.String()},
		{"cert@a.test", source.Proof{Peer: at("192.0.2.1")}, "none"},
		{"cert@a.test", source.Proof{Peer: at("192.0.2.1"), Certificate: hash[1:]}, "none"},
		{"auth@a.test", source.Proof{Peer: at("192.0.2.1"), Source: auth.ID}, auth.ID.String()},
		{"auth@a.test", source.Proof{Peer: at("192.0.2.1")}, "none"},
		{"auth@a.test", source.Proof{Peer: at("192.0.2.1"), Source: both.ID}, "none"},
		{"both@a.test", source.Proof{Peer: at("198.51.100.1"), Source: both.ID}, both.ID.String()},
		{"both@a.test", source.Proof{Peer: at("198.51.100.1")}, "sign in"},
		{"both@a.test", source.Proof{Peer: at("198.51.100.2"), Source: both.ID}, "none"},
		{"nobody@a.test", source.Proof{Peer: at("192.0.2.99")}, "none"},
		{"net@b.test", source.Proof{Peer: at("192.0.2.99")}, "none"},
		{"net@c.test", source.Proof{Peer: at("192.0.2.99")}, "none"},
	} {
		if got := h.match(c.to, c.p); got != c.want {
			t.Errorf("%s with %v: %s, want %s", c.to, c.p, got, c.want)
		}
	}
	sources := h.id.Sources()
	for _, user := range []string{"auth@a.test", "AUTH@A.TEST"} {
		if f, err := sources.SignIn(t.Context(), user, []byte(auth.Secret)); err != nil || f.ID != auth.ID || f.Tenant != h.tenant("alpha").ID {
			t.Errorf("%s: %+v, %v", user, f, err)
		}
	}
	for _, c := range [][2]string{
		{"auth@a.test", both.Secret},
		{"auth@a.test", ""},
		{"both@a.test", auth.Secret},
		{"auth@b.test", auth.Secret},
		{"auth@c.test", auth.Secret},
		{"net@a.test", ""},
		{"", ""},
		{"auth", auth.Secret},
		{"auth@a.test", auth.Secret + "\n"},
	} {
		if _, err := sources.SignIn(t.Context(), c[0], []byte(c[1])); !errors.Is(err, source.ErrNone) {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}

// A registration that could mean everybody, another tenant's address or nothing
// is refused before anything is written.
func TestSourceRefused(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	file, _ := clientCert(t)
	good := source.Registration{Name: "n", Address: "j@a.test", Networks: []string{"192.0.2.0/24"}, Form: mail.Reports}
	for what, change := range map[string]func(*source.Registration){
		"no name":           func(n *source.Registration) { n.Name = "" },
		"a name in capital": func(n *source.Registration) { n.Name = "N" },
		"an @ in the name":  func(n *source.Registration) { n.Name = "a@b" },
		"a door's name":     func(n *source.Registration) { n.Name = "lmtp" },
		"another's address": func(n *source.Registration) { n.Address = "j@b.test" },
		"nobody's address":  func(n *source.Registration) { n.Address = "j@c.test" },
		"no address":        func(n *source.Registration) { n.Address = "j" },
		"no form":           func(n *source.Registration) { n.Form = "" },
		"another form":      func(n *source.Registration) { n.Form = "everything" },
		"no proof":          func(n *source.Registration) { n.Networks = nil },
		"everybody":         func(n *source.Registration) { n.Networks = []string{"0.0.0.0/0"} },
		"everybody in IPv6": func(n *source.Registration) { n.Networks = []string{"::/0"} },
		"no network":        func(n *source.Registration) { n.Networks = []string{"mx.a.test"} },
		"mapped":            func(n *source.Registration) { n.Networks = []string{"::ffff:192.0.2.0/120"} },
		"101 networks":      func(n *source.Registration) { n.Networks = strings.Fields(strings.Repeat("192.0.2.1 ", 101)) },
		"a short secret":    func(n *source.Registration) { n.SignIn, n.Secret = true, []byte(strings.Repeat("a", 31)) },
		"a long secret":     func(n *source.Registration) { n.SignIn, n.Secret = true, []byte(strings.Repeat("a", 256)) },
		"a blank in it":     func(n *source.Registration) { n.SignIn, n.Secret = true, []byte(strings.Repeat("a", 31)+" ") },
		"no certificate":    func(n *source.Registration) { n.Certificate = []byte("no") },
		"two certificates":  func(n *source.Registration) { n.Certificate = append(append([]byte{}, file...), file...) },
		"a key":             func(n *source.Registration) { n.Certificate = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY"}) },
		"a wrong block":     func(n *source.Registration) { n.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}) },
	} {
		n := good
		change(&n)
		_, err := h.id.AddSource(t.Context(), admin, n)
		h.want(what, err, fault.Invalid)
	}
	for _, who := range []mail.Address{"keeper@a.test", "auditor@a.test", "reader@a.test"} {
		s := h.in(who)
		_, err := h.id.AddSource(t.Context(), s, good)
		h.want("added by "+who.String(), err, fault.Denied)
		_, err = h.id.RenewSource(t.Context(), s, "n", nil)
		h.want("renewed by "+who.String(), err, fault.Denied)
		h.want("removed by "+who.String(), h.id.RemoveSource(t.Context(), s, "n"), fault.Denied)
	}
	_, err := h.id.ListSources(t.Context(), h.in("reader@a.test"))
	h.want("listed by a reader", err, fault.Denied)
	_, err = h.id.AddSource(t.Context(), admin, good)
	h.ok(err)
	_, err = h.id.AddSource(t.Context(), admin, good)
	h.want("twice", err, fault.Conflict)
	_, err = h.id.RenewSource(t.Context(), admin, "other", nil)
	h.want("another's secret", err, fault.NotFound)
	// It signs in with nothing, so a secret would end its mail.
	_, err = h.id.RenewSource(t.Context(), admin, "n", nil)
	h.want("a secret for who does not sign in", err, fault.Conflict)
	if got := h.match("j@a.test", source.Proof{Peer: at("192.0.2.1")}); len(got) != 32 {
		t.Errorf("after a secret was refused: %s", got)
	}
	h.want("another removed", h.id.RemoveSource(t.Context(), admin, "other"), fault.NotFound)
	list, err := h.id.ListSources(t.Context(), h.in("keeper@a.test"))
	h.ok(err)
	if len(list) != 1 || list[0].Name != "n" || list[0].Damaged {
		t.Errorf("%+v", list)
	}
}

// Each change is an event with old and new and without the secret; a new secret
// ends the old one, and a removed source is none.
func TestSourceChanges(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	chosen := strings.Repeat("chosen-", 6)
	a, err := h.id.AddSource(t.Context(), admin, source.Registration{
		Name: "exchange", Address: "j@a.test", Networks: []string{"192.0.2.1"}, SignIn: true, Secret: []byte(chosen), Form: mail.Reports,
	})
	h.ok(err)
	if a.Secret != "" {
		t.Error("a chosen secret is shown")
	}
	h.clock.Advance(time.Hour)
	b, err := h.id.RenewSource(t.Context(), admin, "exchange", nil)
	h.ok(err)
	sources := h.id.Sources()
	if _, err := sources.SignIn(t.Context(), "exchange@a.test", []byte(chosen)); !errors.Is(err, source.ErrNone) {
		t.Errorf("the old secret: %v", err)
	}
	if _, err := sources.SignIn(t.Context(), "exchange@a.test", []byte(b.Secret)); err != nil {
		t.Error(err)
	}
	h.ok(h.id.RemoveSource(t.Context(), admin, "exchange"))
	list, err := h.id.ListSources(t.Context(), admin)
	h.ok(err)
	if len(list) != 1 || !list[0].Ended || list[0].ID != a.ID || list[0].Name != "exchange" || list[0].Address != "j@a.test" || list[0].User != "" {
		t.Errorf("after its end: %+v", list)
	}
	if name, err := h.id.SourceName(t.Context(), admin, a.ID); err != nil || name != "exchange" {
		t.Errorf("it was called %q, %v", name, err)
	}
	if name, err := h.id.SourceName(t.Context(), admin, mail.NewID()); err != nil || name != "" {
		t.Errorf("nobody is called %q, %v", name, err)
	}
	if _, err := sources.SignIn(t.Context(), "exchange@a.test", []byte(b.Secret)); !errors.Is(err, source.ErrNone) {
		t.Errorf("after its end: %v", err)
	}
	if got := h.match("j@a.test", source.Proof{Peer: at("192.0.2.1"), Source: a.ID}); got != "none" {
		t.Errorf("after its end: %s", got)
	}
	var got []string
	for _, e := range h.events(h.in("keeper@a.test")) {
		if strings.HasPrefix(e.What, "source.") {
			got = append(got, fmt.Sprintf("%s|%s|%s", e.What, e.Old, e.New))
			if e.Object != a.ID.String() || e.Who != admin.Person().String() {
				t.Errorf("%+v", e)
			}
		}
	}
	settings := "j@a.test form=reports networks=192.0.2.1/32 user=exchange@a.test"
	want := []string{
		"source.add||exchange " + settings,
		"source.secret|" + settings + " of 2026-11-22T12:00:00Z|" + settings + " of 2026-11-22T13:00:00Z",
		"source.remove|exchange " + settings + "|",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Beside a source of the same address that is asked for less, the proof of the other
// is needless: whoever adds the second of them is told.
func TestSourceBeside(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	file, _ := clientCert(t)
	add := func(name, want string, n source.Registration) {
		t.Helper()
		n.Name, n.Form = name, mail.Copies
		out, err := h.id.AddSource(t.Context(), admin, n)
		h.ok(err)
		got := ""
		if out.Beside != nil {
			got = out.Beside.Weaker + " " + out.Beside.Stronger
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	net := []string{"192.0.2.0/24"}
	add("both", "", source.Registration{Address: "j@a.test", Networks: net, SignIn: true})
	add("elsewhere", "", source.Registration{Address: "k@a.test", Networks: net})
	add("same", "", source.Registration{Address: "j@a.test", Networks: []string{"198.51.100.0/24"}, SignIn: true})
	add("other", "", source.Registration{Address: "j@a.test", Certificate: file})
	add("less", "less both", source.Registration{Address: "j@a.test", Networks: net})
	add("more", "elsewhere more", source.Registration{Address: "k@a.test", Networks: net, Certificate: file, SignIn: true})
	h.ok(h.id.RemoveSource(t.Context(), admin, "elsewhere"))
	add("again", "", source.Registration{Address: "k@a.test", Networks: net, Certificate: file, SignIn: true})
}

// rowProblems is what ledger verify says of the rows of alpha.
func (h *house) rowProblems() int {
	h.Helper()
	t := h.db.Tenant(h.tenant("alpha").ID)
	entered, err := h.books.Ledger().Standing(context.Background(), t, ledger.Audit)
	h.ok(err)
	list, err := h.another().VerifyRows(context.Background(), t, entered)
	h.ok(err)
	return len(list)
}

// A row that a hand wrote makes nobody a source, and one that was changed or is
// gone makes mail wait instead of bounce; ledger verify finds each.
func TestSourceDamaged(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	for _, name := range []string{"one", "two"} {
		_, err := h.id.AddSource(t.Context(), admin, source.Registration{
			Name: name, Address: mail.Address(name + "@a.test"), Networks: []string{"192.0.2.1"}, Form: mail.Copies,
		})
		h.ok(err)
	}
	p := source.Proof{Peer: at("192.0.2.1")}
	check := func(what, one, two string, n int) {
		t.Helper()
		h.id = h.another()
		a, b := h.match("one@a.test", p), h.match("two@a.test", p)
		if len(a) == 32 {
			a = "source"
		}
		if len(b) == 32 {
			b = "source"
		}
		if got := h.rowProblems(); a != one || b != two || got != n {
			t.Errorf("%s: %s, %s, %d problems; want %s, %s, %d", what, a, b, got, one, two, n)
		}
	}
	check("untouched", "source", "source", 0)
	h.tamper(`INSERT INTO identity_source SELECT tenant, salt, 'forged', address, '198.51.100.0/24', certificate, verifier, form, salt, entered FROM identity_source WHERE tenant = $1 AND name = 'one'`)
	h.tamper(`UPDATE identity_source SET tenant = $1, id = $2 WHERE tenant = $1 AND name = 'forged'`, mail.NewID().Bytes())
	check("forged", "source", "source", 1)
	if got := h.match("one@a.test", source.Proof{Peer: at("198.51.100.9")}); got != "none" {
		t.Errorf("a forged source: %s", got)
	}
	if h.alarms.Load() == 0 {
		t.Error("nobody hears of a forged source")
	}
	h.ok(h.id.RemoveSource(t.Context(), admin, "forged"))
	check("forged and removed", "source", "source", 0)
	h.tamper(`CREATE TEMP TABLE sources AS SELECT * FROM identity_source WHERE tenant = $1`)
	for column, value := range map[string]any{
		"networks": "0.0.0.0/0", "address": "three@a.test", "certificate": []byte("x"), "verifier": []byte("x"), "form": "reports", "name": "other", "entered": 1, "salt": make([]byte, 32),
	} {
		h.tamper(`UPDATE identity_source SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND name = 'one'`, value)
		check("changed "+column, "damaged", "source", 1)
		_, err := h.id.RenewSource(t.Context(), admin, "one", nil)
		if column != "name" {
			h.want("a secret for a changed row", err, fault.Damaged)
		}
		h.tamper(`DELETE FROM identity_source WHERE tenant = $1`)
		if column == "form" {
			check("gone", "damaged", "damaged", 2)
		}
		h.tamper(`INSERT INTO identity_source SELECT * FROM sources WHERE tenant = $1`)
	}
	check("back", "source", "source", 0)
	h.ok(h.id.RemoveSource(t.Context(), admin, "one"))
	h.tamper(`INSERT INTO identity_source SELECT * FROM sources WHERE tenant = $1 AND name = 'one'`)
	check("put back from an older copy", "none", "source", 1)
	if n, err := h.id.Repair(t.Context(), admin); err != nil || n != 1 {
		t.Errorf("%d rows were removed, %v", n, err)
	}
	check("repaired", "none", "source", 0)
}

// Where one of two sources at an address is gone from the rows, what comes may be his:
// it waits, though the other one would have to sign in.
func TestSourceDamagedBesideAnother(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	for name, signIn := range map[string]bool{"relay": false, "exchange": true} {
		_, err := h.id.AddSource(t.Context(), admin, source.Registration{
			Name: name, Address: "journal@a.test", Networks: []string{"192.0.2.0/24"}, SignIn: signIn, Form: mail.Copies,
		})
		h.ok(err)
	}
	p := source.Proof{Peer: at("192.0.2.1")}
	if got := h.match("journal@a.test", p); len(got) != 32 {
		t.Errorf("untouched: %s", got)
	}
	h.tamper(`DELETE FROM identity_source WHERE tenant = $1 AND name = 'relay'`)
	h.id = h.another()
	if got := h.match("journal@a.test", p); got != "damaged" {
		t.Errorf("gone: %s", got)
	}
}
