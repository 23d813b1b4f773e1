package mail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/mail"
)

func TestIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id mail.ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets"))
		if got, err := mail.ParseID(id.String()); err != nil || got != id {
			t.Fatalf("%v became %v, error %v", id, got, err)
		}
		if got, err := mail.IDFrom(id.Bytes()); err != nil || got != id {
			t.Fatalf("%v became %v, error %v", id, got, err)
		}
		b, err := json.Marshal(map[mail.ID]mail.ID{id: id})
		if err != nil {
			t.Fatal(err)
		}
		var back map[mail.ID]mail.ID
		if err := json.Unmarshal(b, &back); err != nil || back[id] != id {
			t.Fatalf("%s became %v, error %v", b, back, err)
		}
	})
}

// docs/formats/tuple.md: 32 hex digits, lower case; an id has one spelling.
func TestParseIDRefuses(t *testing.T) {
	good := "00112233445566778899aabbccddeeff"
	for _, s := range []string{"", good[1:], good + "0", strings.ToUpper(good), " " + good[1:], good[:31] + "g", good[:31] + "é", "0x" + good[2:], good[:31] + "\x00"} {
		if _, err := mail.ParseID(s); err == nil {
			t.Errorf("%q is an id", s)
		}
		var id mail.ID
		if err := id.UnmarshalText([]byte(s)); err == nil || !id.IsZero() {
			t.Errorf("%q became %v, error %v", s, id, err)
		}
	}
	for _, n := range []int{0, 15, 17, 32} {
		if _, err := mail.IDFrom(make([]byte, n)); err == nil {
			t.Errorf("%d octets are an id", n)
		}
	}
	var id mail.ID
	b := id.Bytes()
	b[0] = 1
	if !id.IsZero() {
		t.Error("Bytes lends the id's own memory")
	}
}

func TestNewIDIsNew(t *testing.T) {
	seen := make(map[mail.ID]bool)
	for range 10_000 {
		id := mail.NewID()
		if seen[id] || id.IsZero() {
			t.Fatal("an id came twice")
		}
		seen[id] = true
	}
}

// An address has one form in which it is compared: a reader's mail is not
// hidden from her by a capital letter.
func TestNewAddress(t *testing.T) {
	for in, want := range map[string]mail.Address{
		"":                                   "",
		"A@Example.ORG":                      "a@example.org",
		" a@example.org ":                    "a@example.org",
		`"a"@example.org`:                    "a@example.org",
		"a@exämple.org":                      "a@xn--exmple-cua.org",
		"a@XN--EXMPLE-CUA.org":               "a@xn--exmple-cua.org",
		"Postmaster":                         "postmaster",
		"x+tag@example.org":                  "x+tag@example.org",
		"two@at@example.org":                 "two@at@example.org",
		"not an address at all <><":          "not an address at all <><",
		" 0@0 .":                             "0@0 .",
		" a@exämple.org\t":                   "a@xn--exmple-cua.org",
		"mailto:\u00a0a@b":                   "mailto:\u00a0a@b",
		"\"\u00a0a\"@b":                      "\"\u00a0a\"@b",
		strings.Repeat("\u212a", 333) + "@b": mail.Address(strings.Repeat("k", 333) + "@b"),
	} {
		got := mail.NewAddress(in)
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		if again := mail.NewAddress(got.String()); again != got {
			t.Errorf("%q is not final: %q", got, again)
		}
	}
}

func FuzzNewAddress(f *testing.F) {
	for _, s := range []string{"", "a@b", `"A b"@c.d`, "a@ä.de", "@", "a@", "\x00", "a@b@c", `"\""@x.y`, "a@[1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := mail.NewAddress(s)
		if b := mail.NewAddress(a.String()); b != a {
			t.Fatalf("%q: %q and then %q", s, a, b)
		}
		if again := mail.NewAddress(a.Readable()); again != a {
			t.Fatalf("%q is read as %q, which is %q", a, a.Readable(), again)
		}
		d := mail.NewDomain(s)
		if again := mail.NewDomain(d.Readable()); again != d {
			t.Fatalf("%q is read as %q, which is %q", d, d.Readable(), again)
		}
		if again := mail.NewDomain(d.String()); again != d {
			t.Fatalf("%q: domain %q and then %q", s, d, again)
		}
		if d := a.Domain(); strings.ContainsAny(string(d), "@") {
			t.Fatalf("domain %q", d)
		}
	})
}

func TestDomain(t *testing.T) {
	for in, want := range map[mail.Address]mail.Domain{"a@b.c": "b.c", "a@b@c.d": "c.d", "none": "", "": "", "a@": ""} {
		if got := in.Domain(); got != want {
			t.Errorf("%q: domain %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]mail.Domain{
		"Example.ORG": "example.org", "example.org.": "example.org", " exämple.org": "xn--exmple-cua.org",
		"not a domain": "not a domain", "": "", "a. .": "a", ".": "",
	} {
		got := mail.NewDomain(in)
		if got != want || mail.NewDomain(got.String()) != got {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// EX-17: who types an umlaut reads an umlaut; what is no name in U-labels stays.
func TestReadable(t *testing.T) {
	for in, want := range map[mail.Domain]string{
		"firm.example": "firm.example", "xn--bcher-kva.example": "bücher.example", "xn--bcher-kva": "bücher", "xn--strae-oqa.de": "straße.de",
		"xn--e1afmkfd.xn--p1ai": "пример.рф", "": "", "xn--a.de": "xn--a.de", "xn--zzzzzz.de": "xn--zzzzzz.de", "xn--abc-.de": "xn--abc-.de",
		"bücher_.example": "bücher_.example", "[192.0.2.1]": "[192.0.2.1]",
	} {
		if got := in.Readable(); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
		if got := (mail.Address("anna@") + mail.Address(in)).Readable(); in != "" && got != "anna@"+want {
			t.Errorf("anna@%s is read as %q", in, got)
		}
	}
	for _, a := range []mail.Address{"", "anna", "@", "anna@", "two@at@example.org", `"x y"@firm.example`} {
		if got := a.Readable(); got != a.String() {
			t.Errorf("%q is read as %q", a, got)
		}
	}
}

// The source stands in the entry (docs/formats/entry.md): one line, three parts.
func TestSource(t *testing.T) {
	for want, s := range map[string]mail.Source{
		"lmtp 192.0.2.1 TLS1.3": {Door: "lmtp", Peer: "192.0.2.1", TLS: "TLS1.3"},
		"lmtp unix -":           {Door: "lmtp", Peer: "unix"},
		"- - -":                 {},
		"journal 192.0.2.1 TLSv1.3 01000000000000000000000000000000 report": {
			Door: "journal", Peer: "192.0.2.1", TLS: "TLSv1.3", ID: mail.ID{1}, Form: mail.Reports, Mark: mail.MarkReport,
		},
		"journal 192.0.2.1 - 01000000000000000000000000000000 -": {Door: "journal", Peer: "192.0.2.1", ID: mail.ID{1}},
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

// An item of an envelope gives its address again, whatever stands behind it and
// whatever quotes are in it (docs/formats/journal.md).
func TestItem(t *testing.T) {
	e := mail.Envelope{To: []string{"a@b.example", `"x> y\">"@b.example`, "c@d.example"}, How: []string{"bcc", `to expanded:"l>"@b.example`}}
	want := []string{"RCPT TO:<a@b.example> bcc", `RCPT TO:<"x> y\">"@b.example> to expanded:"l>"@b.example`, "RCPT TO:<c@d.example>"}
	for i := range e.To {
		if got := e.Item(i); got != want[i] || mail.ItemAddress(got) != mail.NewAddress(e.To[i]) {
			t.Errorf("%s: %s", got, mail.ItemAddress(got))
		}
	}
	for item, want := range map[string]mail.Address{"MAIL FROM:<>": "", "MAIL FROM:<A@b.example>": "a@b.example", `RCPT TO:<"open>`: `"open`} {
		if got := mail.ItemAddress(item); got != want {
			t.Errorf("%s: %q", item, got)
		}
	}
	for item, want := range map[string]bool{
		"RCPT TO:<a@b.example> field delivered-to": true, `RCPT TO:<"x> field y"@b.example>`: false, "RCPT TO:<a@b.example> bcc": false, "MAIL FROM:<field x>": false,
	} {
		if mail.ItemInField(item) != want {
			t.Errorf("%s: not %v", item, want)
		}
	}
	if mail.RefusedSize.Index() != 3 || mail.Refusal("other").Index() != -1 || !mail.DoorName("import") || mail.DoorName("exchange") {
		t.Error("the words are others")
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("", 3600)
	at := time.Date(2026, 1, 1, 0, 30, 0, 123456789, zone)
	cut := mail.Time(at)
	if cut.Nanosecond() != 123456000 || cut.Location() != time.UTC || !mail.FromMicros(mail.Micros(at)).Equal(cut) {
		t.Errorf("%v", cut)
	}
	if mail.Month(at) != 202512 {
		t.Errorf("month %d: months are those of UTC", mail.Month(at))
	}
}

// The mark of a registered source comes back out of the line that is kept; others
// have none.
func TestMarkOf(t *testing.T) {
	for mark, s := range map[string]mail.Source{
		mail.MarkUndecodable: {Door: mail.DoorJournal, Peer: "192.0.2.1", TLS: "TLSv1.3", ID: mail.ID{1}, Mark: mail.MarkUndecodable},
		mail.MarkMessage:     {Door: mail.DoorJournal, ID: mail.ID{1}, Mark: mail.MarkMessage},
		"":                   {Door: mail.DoorLMTP, Peer: "unix", Mark: mail.MarkUndecodable},
	} {
		if got := mail.MarkOf(s.String()); got != mark {
			t.Errorf("%s: %q", s, got)
		}
	}
}
