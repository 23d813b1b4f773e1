package commit_test

import (
	"strings"
	"testing"

	"siegel/internal/flow"
	"siegel/internal/mail"
)

// once makes a passage one that is kept once, for recipients.
func once(to ...string) func(*flow.Passage) {
	return func(p *flow.Passage) {
		p.Once, p.Envelope = true, mail.Envelope{To: to}
		p.Source = mail.Source{Door: "import", Peer: mail.NewID().String()}
	}
}

// EX-01: what is kept once is recognised by its octets, whatever door it came through
// and whenever, for the recipients that it had; for others it is a second entry.
func TestOnce(t *testing.T) {
	m := newMill(t)
	tenant, other := m.tenant(), m.tenant()
	first := m.passage(tenant, "x")
	m.ok(m.send(first)) // by LMTP, to b@example.com
	m.advance(1000 * 24 * 3600e9)
	m.ok(m.room.Expire(t.Context(), tenant))
	asked := m.passage(tenant, "x", once())
	asked.Release()
	if id, there, err := m.room.Known(t.Context(), asked); err != nil || !there || id != first.ID {
		t.Errorf("known %v, %v, %v", id, there, err)
	}
	for name, tt := range map[string]struct {
		tenant mail.TenantID
		text   string
		to     []string
		there  bool
	}{
		"nobody is named":          {tenant, "x", nil, true},
		"the same recipient":       {tenant, "x", []string{"B@Example.com"}, true},
		"another recipient":        {tenant, "x", []string{"c@example.com"}, false},
		"one of two":               {tenant, "x", []string{"b@example.com", "d@example.com"}, false},
		"other octets":             {tenant, "y", nil, false},
		"another tenant":           {other, "x", nil, false},
		"other octets, named":      {tenant, "z", []string{"b@example.com"}, false},
		"no octets":                {tenant, "", nil, false},
		"another tenant, no octet": {other, "", []string{"b@example.com"}, false},
	} {
		p := m.passage(tt.tenant, tt.text, once(tt.to...))
		id, there, err := m.room.Known(t.Context(), p)
		if err != nil || there != tt.there {
			t.Errorf("%s: known %v, %v, %v", name, id, there, err)
		}
		if err := m.send(p); err != nil || p.Receipt.Duplicate != tt.there || tt.there && p.Receipt.Message != id {
			t.Errorf("%s: %+v, %v", name, p.Receipt, err)
		}
		again := m.passage(tt.tenant, tt.text, once(tt.to...))
		if err := m.send(again); err != nil || !again.Receipt.Duplicate {
			t.Errorf("%s, again: %+v, %v", name, again.Receipt, err)
		}
	}
	if n := len(m.kept(tenant)); n != 6 {
		t.Errorf("%d messages", n)
	}
	// Through the other doors a second message with the same octets is kept as ever.
	late := m.passage(tenant, "x", func(p *flow.Passage) { p.Source.Peer = "192.0.2.2" })
	if err := m.send(late); err != nil || late.Receipt.Duplicate {
		t.Errorf("%+v, %v", late.Receipt, err)
	}
	var octets, recipients int
	m.ok(m.db.Tenant(tenant).QueryRow(t.Context(), `SELECT MAX(LENGTH(mac)), MAX(LENGTH(recipients)) FROM commit_octets WHERE tenant = $1`).Scan(&octets, &recipients))
	if octets != 16 || recipients != 16 {
		t.Errorf("a row has %d octets of MAC and %d of recipients", octets, recipients)
	}
}

// The same octets several times in one group are kept once.
func TestOnceInAGroup(t *testing.T) {
	m, open := gated(t)
	tenant := m.tenant()
	var list []*flow.Passage
	for i := range 30 {
		list = append(list, m.passage(tenant, strings.Repeat("x", i%3+1), once()))
	}
	for _, err := range m.hold(tenant, open, list) {
		m.ok(err)
	}
	fresh := 0
	for _, p := range list {
		if !p.Receipt.Duplicate {
			fresh++
		}
	}
	if n := len(m.kept(tenant)); fresh != 3 || n != 4 {
		t.Errorf("%d are new, %d messages", fresh, n)
	}
}

// A transaction whose answer got lost: the second one recognises the first.
func TestOnceAfterALostAnswer(t *testing.T) {
	m := newMill(t)
	tenant := m.tenant()
	m.tx.say(lost)
	if err := m.send(m.passage(tenant, "x", once())); err == nil {
		t.Error("what is not there was confirmed")
	}
	m.tx.say(storedButErr)
	p := m.passage(tenant, "x", once())
	if err := m.send(p); err != nil || p.Receipt.Duplicate {
		t.Errorf("%+v, %v", p.Receipt, err)
	}
	again := m.passage(tenant, "x", once())
	if err := m.send(again); err != nil || again.Receipt.Message != p.ID {
		t.Errorf("%+v, %v", again.Receipt, err)
	}
}
