package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/attempt"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
)

// counted is what the instance keeps of refused attempts.
type counted struct {
	rows, strangers, times int64
}

func (h *house) counted() (c counted) {
	h.Helper()
	h.ok(h.db.Instance().QueryRow(context.Background(), `SELECT COUNT(*), COUNT(CASE WHEN tenant = $1 AND owner = $2 THEN 1 END), COALESCE(SUM(times), 0)
		FROM identity_attempt WHERE tenant = $1`, mail.TenantID{}.Bytes()).Scan(&c.rows, &c.strangers, &c.times))
	return c
}

// size is how many entries the audit log of a tenant has.
func (h *house) size(tenant string) (n int64) {
	h.Helper()
	h.ok(h.db.Tenant(h.tenant(tenant).ID).QueryRow(context.Background(),
		`SELECT size FROM ledger_log WHERE tenant = $1 AND name = $2`, seal.AuditLog).Scan(&n))
	return n
}

// AU-01, AU-30: whatever the reason why a sign-in is refused, it is recorded
// with the same work: one more in the instance's count, nothing in a ledger.
func TestRefusalsCostTheSame(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	_, _, err := h.id.Invite(ctx, h.in("admin@a.test"), "invited@a.test", identity.Reader)
	h.ok(err)
	alpha, beta := h.size("alpha"), h.size("beta")
	cases := []struct {
		tenant string
		email  mail.Address
	}{
		{"", "reader@a.test"},         // a wrong password
		{"alpha", "reader@a.test"},    // with the tenant
		{"", "nobody@a.test"},         // unknown
		{"", "nobody@elsewhere.test"}, // unknown, another domain
		{"", "invited@a.test"},        // no password yet
		{"", "both@elsewhere.test"},   // of two tenants
		{"beta", "reader@a.test"},     // of another tenant
		{"omega", "reader@a.test"},    // no such tenant
		{"", "Correct-Horse-7"},       // a password in the wrong field
		{"", mail.Address(bytes.Repeat([]byte{'x'}, 1<<20)) + "@a.test"}, // too long
	}
	var first error
	for n, c := range cases {
		_, err := h.id.SignIn(ctx, c.tenant, c.email, []byte("Wrong-Horse-7"))
		if first == nil {
			first = err
		}
		h.want(c.email.String()[:min(30, len(c.email))], err, fault.Denied)
		h.same("the answer", err, first)
		if got := h.counted(); got.times != int64(n+1) {
			t.Errorf("%.30s in %q: %d attempts are counted, want %d", c.email, c.tenant, got.times, n+1)
		}
	}
	if a, b := h.size("alpha"), h.size("beta"); a != alpha || b != beta {
		t.Errorf("the ledgers grew by %d and %d entries", a-alpha, b-beta)
	}
	// The same with codes.
	wrong := identity.FormatCode(make([]byte, seal.CodeSize))
	for n, email := range []mail.Address{"invited@a.test", "reader@a.test", "nobody@a.test", "both@elsewhere.test"} {
		h.want("a wrong code", h.id.Accept(ctx, "", email, wrong, []byte(password)), fault.Denied)
		if got := h.counted(); got.times != int64(len(cases)+n+1) {
			t.Errorf("a code for %s: %d attempts are counted", email, got.times)
		}
	}
}

// refusals returns the refused sign-ins of a person in the audit log: how many
// events, and how many attempts they stand for.
func refusals(list []audit.Entry, person mail.ID) (events, times int) {
	for _, e := range list {
		if e.What == "sign-in" && e.New == "refused" && e.Who == person.String() {
			events++
			n, _ := e.Detail["times"].(float64) // JSON has no other numbers
			times += int(n)
		}
	}
	return events, times
}

// AU-30: however many attempts there are at an account, each is counted and the
// audit log grows by one event a window.
func TestRefusalsAreCounted(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, t0 := h.in("admin@a.test"), h.tenant("alpha").ID
	reader, other := h.person(admin, "reader@a.test").ID, h.person(admin, "reader2@a.test").ID
	before := h.size("alpha")
	for range 30 {
		h.ok(h.id.Refuse(ctx, t0, reader, "reader@a.test"))
	}
	h.ok(h.id.Refuse(ctx, t0, other, "reader2@a.test"))
	_, err := h.id.Settle(ctx)
	h.ok(err)
	if n := h.size("alpha") - before; n != 0 {
		t.Errorf("%d events before the window has ended", n)
	}
	h.clock.Advance(identity.AttemptWindow)
	// A process that ends and begins again loses no count.
	_, err = h.another().Settle(ctx)
	h.ok(err)
	if n := h.size("alpha") - before; n != 2 {
		t.Errorf("%d events of two people's windows", n)
	}
	h.ok(h.id.Refuse(ctx, t0, reader, "reader@a.test"))
	list := h.events(admin) // reading takes what is counted so far
	if events, times := refusals(list, reader); events != 2 || times != 31 {
		t.Errorf("%d events of %d attempts, want 2 of 31", events, times)
	}
	if c := h.counted(); c.rows != 0 {
		t.Errorf("%+v is left", c)
	}
	// Who signs in has the attempts before it in the log before it.
	for range 3 {
		h.ok(h.id.Refuse(ctx, t0, reader, "reader@a.test"))
	}
	h.in("reader@a.test")
	if c := h.counted(); c.rows != 0 {
		t.Errorf("%+v is left after signing in", c)
	}
	list = h.events(admin)
	last := list[len(list)-2:]
	if last[0].New != "refused" || last[0].Detail["times"] != 3.0 || last[1].New != "ok" || last[1].Who != reader.String() {
		t.Errorf("the newest events: %+v", last)
	}
	if last[0].Detail["by"] != "password" || last[0].Detail["first"] != h.clock.Now().Format(time.RFC3339) {
		t.Errorf("the details: %v", last[0].Detail)
	}
}

// More people than fit into one transaction.
func TestManyRefusals(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	t0 := h.tenant("alpha").ID
	before := h.size("alpha")
	for range identity.SettleBatch + 7 {
		h.ok(h.id.Refuse(ctx, t0, mail.NewID(), "x@a.test"))
	}
	h.clock.Advance(identity.AttemptWindow)
	_, err := h.id.Settle(ctx)
	h.ok(err)
	if n := h.size("alpha") - before; n != identity.SettleBatch+7 {
		t.Errorf("%d events", n)
	}
}

// AU-30: attempts at addresses that nobody has are counted, in a bounded number
// of rows, without the address, and go after a while.
func TestStrangers(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	var nobody mail.ID
	const more = 3 * identity.MaxStrangers
	for n := range more {
		h.ok(h.id.Refuse(ctx, nobody, nobody, mail.Address(fmt.Sprintf("canary%d@elsewhere.test", n))))
	}
	for range 5 {
		h.ok(h.id.Refuse(ctx, nobody, nobody, "canary0@elsewhere.test"))
	}
	if c := h.counted(); c.rows != c.strangers || c.rows > identity.MaxStrangers+1 || c.times != more+5 {
		t.Errorf("%+v of %d attempts at %d addresses", c, more+5, more)
	}
	// A person's attempts have a row of their own all the same.
	alpha := h.tenant("alpha").ID
	h.ok(h.id.Refuse(ctx, alpha, mail.NewID(), "x@a.test"))
	if c := h.counted(); c.rows != c.strangers+1 {
		t.Errorf("%+v", c)
	}
	h.unnamed("canary")
	h.clock.Advance(identity.AttemptWindow)
	told, err := h.id.Settle(ctx)
	h.ok(err)
	if told.Addresses != identity.MaxStrangers+1 || told.Times != more+5 {
		t.Errorf("told of %+v", told)
	}
	if again, err := h.id.Settle(ctx); err != nil || again != (attempt.Strangers{}) {
		t.Errorf("told twice: %+v, %v", again, err)
	}
	h.clock.Advance(identity.StrangersFor + identity.AttemptWindow)
	_, err = h.id.Settle(ctx)
	h.ok(err)
	if c := h.counted(); c.rows != 0 {
		t.Errorf("%+v after %s", c, identity.StrangersFor)
	}
}

// AU-04: a password that was typed where the address belongs leaves nothing that
// it could be guessed from: no two of them differ.
func TestPasswordAsAddress(t *testing.T) {
	h := newHouse(t)
	for _, email := range []mail.Address{"correct-canary-7", "another-canary-8", "canary@", "@canary", "canary\n@a.test"} {
		_, err := h.id.SignIn(t.Context(), "", email, []byte(password))
		h.want("a password as address", err, fault.Denied)
	}
	if c := h.counted(); c.rows != 1 || c.times != 5 {
		t.Errorf("%+v, want one row", c)
	}
	h.unnamed("canary")
}

// unnamed fails where a text stands in the counts.
func (h *house) unnamed(text string) {
	h.Helper()
	rows, err := h.db.Instance().Query(context.Background(), `SELECT account, owner, person, kind FROM identity_attempt WHERE tenant = $1`)
	h.ok(err)
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var account, owner, person, kind []byte
		h.ok(rows.Scan(&account, &owner, &person, &kind))
		if all := slices.Concat(account, owner, person, kind); bytes.Contains(all, []byte(text)) {
			h.Errorf("a row has %q: %q", text, all)
		}
	}
	h.ok(rows.Err())
	if n == 0 {
		h.Error("there are no rows")
	}
}

// AU-30: an attempt with the right password that opens nothing, because of damage
// or because too many sessions are open, leaves its trace too.
func TestUnopenedIsCounted(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	auditor := h.person(admin, "auditor@a.test")
	h.tamper(`UPDATE seal_term SET tenant = $1, public = $2 WHERE tenant = $1 AND holder = $3`, make([]byte, 1216), auditor.Holder.Bytes())
	_, err := h.id.SignIn(ctx, "", "auditor@a.test", []byte(password))
	h.want("another key", err, fault.Damaged)
	refused := 0
	for _, e := range h.events(admin) {
		if e.What == "sign-in" && e.Who == auditor.ID.String() && e.New == "refused" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d events", refused)
	}
}
