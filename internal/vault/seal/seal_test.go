package seal_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/sequence"
)

// BX-06, CR-07: what is sealed to an archive and to people opens through each
// path of keys, and through no other.
func TestHoldersOpenWhatIsTheirs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader, stranger := h.person(), h.person(), h.person()
	archive := h.archive(keeper)
	list := h.seal(3, archive, reader)
	k, r, s := h.unlock(keeper), h.unlock(reader), h.unlock(stranger)
	for _, m := range list {
		h.reads("keeper", k, m, archive)
		h.reads("reader", r, m, archive)
		_, err := read(s, m, archive)
		h.want("a stranger", err, fault.NotFound)
		if has, err := r.Has(t.Context(), m.id, reader.holder); !has || err != nil {
			t.Errorf("the reader has it: %v, %v", has, err)
		}
		if has, err := r.Has(t.Context(), m.id, stranger.holder); has || err != nil {
			t.Errorf("the stranger has it: %v, %v", has, err)
		}
	}
	// One answer for what is another's and for what is not there.
	_, other := s.Open(t.Context(), list[0].id, archive)
	_, none := s.Open(t.Context(), mail.NewID(), archive)
	if other == nil || none == nil || other.Error() != none.Error() {
		t.Errorf("%v and %v differ", other, none)
	}
	o, err := k.Open(t.Context(), list[0].id, archive)
	h.ok(err)
	if got, err := o.OpenEvidence(list[0].evidence); err != nil || string(got) != "evidence" || o.Holder != archive || o.Own != nil {
		t.Errorf("the keeper's evidence: %q, %v", got, err)
	}
	o, err = r.Open(t.Context(), list[0].id, archive)
	h.ok(err)
	if string(o.Own) != "own" || o.Holder != reader.holder {
		t.Errorf("the reader's own openings: %q", o.Own)
	}
	_, err = o.OpenEvidence(list[0].evidence)
	h.want("the reader's evidence", err, fault.Denied)
	if got, err := o.OpenOpening(list[0].opening); err != nil || string(got) != "opening" {
		t.Errorf("the opening: %q, %v", got, err)
	}
	_, err = o.OpenOpening(list[1].opening)
	h.want("another message's opening", err, fault.Damaged)
}

// The sequence of a holder has no gap and no number twice; months are counted.
func TestSequence(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper := h.person()
	archive := h.archive(keeper)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if _, err := h.trySeal(h.tenant, 5, archive); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	s := h.unlock(keeper)
	months, err := sequence.Months(t.Context(), h.tenant, archive)
	h.ok(err)
	if len(months) != 1 || months[0] != (sequence.Month{Month: 202611, Count: 20, Last: 20}) {
		t.Errorf("months: %+v", months)
	}
	heads, err := sequence.Heads(t.Context(), h.tenant, archive)
	h.ok(err)
	if len(heads) != 1 || heads[0] != (sequence.Head{Month: 202611, Last: 20}) {
		t.Errorf("heads: %+v", heads)
	}
	for after, want := range map[int64]int64{0: 20, 7: 13, 20: 0} {
		if n, err := sequence.Behind(t.Context(), h.tenant, archive, 202611, after); n != want || err != nil {
			t.Errorf("%d behind %d, %v, want %d", n, after, err, want)
		}
	}
	after, n := int64(0), int64(0)
	for {
		wraps, err := s.Wraps(t.Context(), archive, 202611, after, 7)
		h.ok(err)
		if len(wraps) == 0 {
			break
		}
		for _, w := range wraps {
			if n++; w.Seq != n {
				t.Fatalf("number %d, want %d", w.Seq, n)
			}
			o, err := s.OpenWrap(t.Context(), w, true)
			h.ok(err)
			o.Close()
		}
		after = wraps[len(wraps)-1].Seq
	}
	if n != 20 {
		t.Errorf("%d wraps", n)
	}
}

// AU-04: what is stored of a password is a bcrypt hash, another one for each
// person, and nothing that looks like the password. AU-01: a wrong password and
// a person without a lock differ neither in the answer nor in the work.
func TestPasswords(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	password := []byte("Correct-Horse-7")
	var people []mail.HolderID
	for range 2 {
		lock, err := h.vault.PrepareLock(ctx, seal.ByPassword, password)
		h.ok(err)
		h.update(h.tenant, func(tx *db.Tx) error {
			seed, err := h.vault.NewHolder(ctx, tx, seal.Person)
			if err != nil {
				return err
			}
			people = append(people, seed.Holder)
			return h.vault.Put(ctx, tx, lock, seed)
		})
	}
	rows, err := h.tenant.Query(ctx, `SELECT verifier, parameters, box FROM seal_lock WHERE tenant = $1`)
	h.ok(err)
	defer rows.Close()
	seen := make(map[string]bool)
	for rows.Next() {
		var verifier, parameters string
		var box []byte
		h.ok(rows.Scan(&verifier, &parameters, &box))
		if !strings.HasPrefix(verifier, "$2") || seen[verifier] || seen[parameters] {
			t.Errorf("verifier %s, parameters %s", verifier, parameters)
		}
		if !strings.HasPrefix(parameters, "argon2id v=19 m=65536 t=3 p=1 salt=") {
			t.Errorf("parameters %s", parameters)
		}
		if strings.Contains(verifier+parameters+string(box), string(password)) {
			t.Error("the password is in the row")
		}
		seen[verifier], seen[parameters] = true, true
	}
	h.ok(rows.Err())
	h.ok(rows.Close())

	s, err := h.vault.Unlock(ctx, h.tenant, people[0], seal.ByPassword, password)
	h.ok(err)
	s.Close()
	// RFC 8265: the same password in another form of Unicode is the same.
	took := func(person mail.HolderID, given string) (time.Duration, error) {
		start := time.Now()
		_, err := h.vault.Unlock(ctx, h.tenant, person, seal.ByPassword, []byte(given))
		h.want("unlocking", err, fault.Denied)
		return time.Since(start), err
	}
	var wrong, unknown time.Duration
	for range 2 {
		a, errA := took(people[0], "Wrong-Horse-77")
		b, errB := took(mail.NewID(), "Correct-Horse-7")
		if errA.Error() != errB.Error() {
			t.Errorf("%v and %v tell who exists", errA, errB)
		}
		wrong, unknown = wrong+a, unknown+b
	}
	if unknown < wrong/3 || wrong < unknown/3 {
		t.Errorf("a wrong password takes %v, an unknown person %v", wrong, unknown)
	}
}

// A failing database is not a wrong password.
func TestUnlockTellsFailureFromRefusal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.person()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.vault.Unlock(ctx, h.tenant, m.holder, seal.ByInvitation, m.code); err == nil || fault.Of(err) == fault.Denied {
		t.Errorf("a caller who left: %v", err)
	}
	h.ok(h.db.Close())
	if _, err := h.vault.Unlock(t.Context(), h.tenant, m.holder, seal.ByInvitation, m.code); err == nil || fault.Of(err) == fault.Denied {
		t.Errorf("a closed database: %v", err)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.person()
	h.unlock(m).Close()
	for name, code := range map[string][]byte{
		"another": bytes.Repeat([]byte{1}, seal.CodeSize), "short": m.code[1:], "long": append(bytes.Clone(m.code), 0), "none": nil,
	} {
		_, err := h.vault.Unlock(t.Context(), h.tenant, m.holder, seal.ByInvitation, code)
		h.want(name+" code", err, fault.Denied)
	}
	_, err := h.vault.Unlock(t.Context(), h.tenant, m.holder, seal.ByRecovery, m.code)
	h.want("another kind of lock", err, fault.Denied)
	_, err = h.vault.Unlock(t.Context(), h.newTenant(), m.holder, seal.ByInvitation, m.code)
	h.want("another tenant", err, fault.Denied)
	_, err = h.vault.Unlock(t.Context(), h.tenant, m.holder, seal.LockKind("prf"), m.code)
	h.want("an unknown kind", err, fault.Damaged)
}

// CR-07: a new password changes the lock and nothing else; the old one opens
// nothing.
func TestRelock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reader := h.person()
	m := h.seal(1, mail.HolderID{}, reader)[0]
	sealed := bytes.Clone(m.sealed)
	var before string
	dump := func() string {
		var wrap, batch []byte
		h.ok(h.tenant.QueryRow(t.Context(), `SELECT w.wrap, b.sealed FROM seal_wrap w JOIN seal_batch b ON b.tenant = w.tenant AND b.id = w.batch
			WHERE w.tenant = $1 AND w.message = $2`, m.id.Bytes()).Scan(&wrap, &batch))
		return string(wrap) + string(batch)
	}
	before = dump()
	s := h.unlock(reader)
	seed, err := s.Newest(reader.holder)
	h.ok(err)
	code := bytes.Repeat([]byte{9}, seal.CodeSize)
	lock, err := h.vault.PrepareLock(t.Context(), seal.ByInvitation, code)
	h.ok(err)
	h.update(h.tenant, func(tx *db.Tx) error { return h.vault.Put(t.Context(), tx, lock, seed) })
	if dump() != before || !bytes.Equal(m.sealed, sealed) {
		t.Error("keys of messages changed")
	}
	_, err = h.vault.Unlock(t.Context(), h.tenant, reader.holder, seal.ByInvitation, reader.code)
	h.want("the old code", err, fault.Denied)
	reader.code = code
	h.reads("with the new code", h.unlock(reader), m, mail.HolderID{})
}

// Terms: who loses access keeps what he could read and gets nothing new, also
// with a session that stays open and with a backup of the database.
func TestTerms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stays, leaves := h.person(), h.person()
	archive := h.archive(stays, leaves)
	old := h.seal(1, archive)[0]
	open := h.unlock(leaves)
	h.update(h.tenant, func(tx *db.Tx) error {
		n, err := h.vault.Revoke(t.Context(), tx, archive, leaves.holder)
		if err != nil || n != 1 {
			t.Errorf("%d grants went, error %v", n, err)
		}
		rest, err := h.vault.Grantees(t.Context(), tx, archive)
		if err != nil || len(rest) != 1 || rest[0] != stays.holder {
			t.Errorf("who holds it still: %v, %v", rest, err)
		}
		seed, err := h.vault.NewTerm(t.Context(), tx, archive)
		if err != nil {
			return err
		}
		defer seed.Wipe()
		return h.give(tx, seed, stays)
	})
	fresh := h.seal(1, archive)[0]
	h.reads("the open session, old mail", open, old, archive)
	_, err := read(open, fresh, archive)
	h.want("the open session, new mail", err, fault.NotFound)
	again := h.unlock(leaves)
	for _, m := range []message{old, fresh} {
		_, err = read(again, m, archive)
		h.want("a new session of who left", err, fault.NotFound)
	}
	s := h.unlock(stays)
	h.reads("who stays, old mail", s, old, archive)
	h.reads("who stays, new mail", s, fresh, archive)
	if got := s.Terms(archive); len(got) != 2 {
		t.Errorf("terms %v", got)
	}
	// The backup's wraps and batches of the new mail, with the old session's
	// seeds: the term of a wrap cannot be written down.
	h.tamper(`UPDATE seal_wrap SET term = 1 WHERE tenant = $1 AND message = $2`, fresh.id.Bytes())
	h.tamper(`UPDATE seal_batch SET term = 1 WHERE tenant = $1 AND term = 2`)
	_, err = read(open, fresh, archive)
	h.want("new mail under the old term's number", err, fault.Damaged)
}

// A group that was wrapped before a new term is not written: ErrTerm says so.
func TestWrapBeforeNewTerm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper := h.person()
	archive := h.archive(keeper)
	k := h.vault.NewKey(h.tenant.ID(), mail.NewID(), 202611)
	k.For(seal.Recipient{Holder: archive, Archive: true})
	w, err := h.vault.Wrap(t.Context(), h.tenant, []flow.Key{k})
	h.ok(err)
	h.newTerm(archive, keeper)
	err = h.tenant.Update(t.Context(), func(tx *db.Tx) error { return w.Write(t.Context(), tx, nil) })
	if !errors.Is(err, seal.ErrTerm) {
		t.Errorf("written to the old term: %v", err)
	}
	_, err = h.vault.Wrap(t.Context(), h.newTenant(), []flow.Key{k})
	if err == nil {
		t.Error("a key was wrapped for another tenant")
	}
}

// After Close nothing opens, with kind Locked, and closing while others read
// neither tells them that something is damaged nor gives them another's keys.
func TestClose(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper := h.person()
	archive := h.archive(keeper)
	m := h.seal(1, archive, keeper)[0]
	note, err := h.vault.SealNote(t.Context(), h.tenant, archive, "audit", m.id, []byte("note"))
	h.ok(err)
	for range 10 {
		s := h.unlock(keeper)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				for {
					got, err := read(s, m, archive)
					if fault.Of(err) == fault.Locked {
						return
					}
					if err != nil || got != plain {
						t.Errorf("while it is closed: %q, %v", got, err)
						return
					}
					if seed, err := s.Seed(archive, 1); err == nil {
						seed.Wipe()
					} else if fault.Of(err) != fault.Locked {
						t.Error(err)
					}
				}
			})
		}
		time.Sleep(2 * time.Millisecond)
		s.Close()
		wait.Wait()
		_, err = s.Open(t.Context(), m.id, archive)
		h.want("Open", err, fault.Locked)
		_, err = s.Seed(archive, 1)
		h.want("Seed", err, fault.Locked)
		_, err = s.Newest(archive)
		h.want("Newest", err, fault.Locked)
		_, err = s.OpenNote(note, "audit", m.id)
		h.want("OpenNote", err, fault.Locked)
		_, err = s.ProjectionKey(archive, 1, nil)
		h.want("ProjectionKey", err, fault.Locked)
		if s.Holds(archive) || len(s.Terms(archive)) != 0 {
			t.Error("it holds the archive still")
		}
		s.Close() // again is harmless
	}
}

// Notes open for their holder, for what they speak of, and for nobody else.
func TestNotes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	about := mail.NewID()
	n, err := h.vault.SealNote(t.Context(), h.tenant, archive, "audit", about, []byte("the reason"))
	h.ok(err)
	k := h.unlock(keeper)
	if got, err := k.OpenNote(n, "audit", about); err != nil || string(got) != "the reason" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = k.OpenNote(n, "search", about)
	h.want("another kind", err, fault.Damaged)
	_, err = k.OpenNote(n, "audit", mail.NewID())
	h.want("another object", err, fault.Damaged)
	_, err = h.unlock(reader).OpenNote(n, "audit", about)
	h.want("another person", err, fault.NotFound)
}

// What is sealed under one key opens in its own place only.
func TestRecordsInTheirPlaces(t *testing.T) {
	h := newHouse(t)
	key, other := h.vault.NewKey(h.tenant.ID(), mail.NewID(), 202611).Data(), h.vault.NewKey(h.tenant.ID(), mail.NewID(), 202611).Data()
	first, second := key.SealIndex([]byte("first")), key.SealAttachments([]byte("second"))
	if plain, err := key.OpenAttachments(second, 100); err != nil || string(plain) != "second" {
		t.Errorf("%q, %v", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"the first as the second":  func() ([]byte, error) { return key.OpenAttachments(first, 100) },
		"the second as the first":  func() ([]byte, error) { return key.OpenIndex(second, 100) },
		"another message's":        func() ([]byte, error) { return other.OpenAttachments(second, 100) },
		"one that unpacks to more": func() ([]byte, error) { return key.OpenAttachments(second, 5) },
	} {
		if _, err := open(); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Regrant gives what a session opens, once, with the receiver's own extra.
func TestRegrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	list := h.seal(3, archive)
	s := h.unlock(keeper)
	give := make(map[*seal.Opened]seal.Regranted)
	for _, m := range list {
		o, err := s.Open(t.Context(), m.id, archive)
		h.ok(err)
		give[o] = seal.Regranted{Month: 202611, Extra: []byte("hers")}
	}
	for _, want := range []int{3, 0} {
		if n, err := s.Regrant(t.Context(), reader.holder, give, nil); n != want || err != nil {
			t.Errorf("%d gained, error %v, want %d", n, err, want)
		}
	}
	r := h.unlock(reader)
	for _, m := range list {
		h.reads("the reader", r, m, archive)
		o, err := r.Open(t.Context(), m.id, archive)
		h.ok(err)
		if string(o.Own) != "hers" {
			t.Errorf("extra %q", o.Own)
		}
		_, err = o.OpenEvidence(m.evidence)
		h.want("the evidence key did not go with it", err, fault.Denied)
	}
}

// A wrap for a former term of a person gives way: she opens it no more.
func TestRegrantAfterNewTerm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	list := h.seal(3, archive)
	s := h.unlock(keeper)
	give := make(map[*seal.Opened]seal.Regranted)
	for _, m := range list {
		o, err := s.Open(t.Context(), m.id, archive)
		h.ok(err)
		give[o] = seal.Regranted{Month: 202611}
	}
	if n, err := s.Regrant(t.Context(), reader.holder, give, nil); n != 3 || err != nil {
		t.Fatalf("%d gained, error %v", n, err)
	}
	h.newTerm(reader.holder)
	for _, want := range []int{3, 0} {
		if n, err := s.Regrant(t.Context(), reader.holder, give, nil); n != want || err != nil {
			t.Errorf("%d gained, error %v, want %d", n, err, want)
		}
	}
	wraps, err := s.Wraps(t.Context(), reader.holder, 202611, 0, 10)
	h.ok(err)
	if len(wraps) != 3 {
		t.Errorf("%d wraps", len(wraps))
	}
	for _, w := range wraps {
		if w.Term != 2 || w.Seq <= 3 {
			t.Errorf("wrap %d is for term %d", w.Seq, w.Term)
		}
	}
}

// A seed of an older term is not locked again.
func TestOldSeedIsNotLocked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.person()
	old, err := h.unlock(m).Newest(m.holder)
	h.ok(err)
	defer old.Wipe()
	h.newTerm(m.holder)
	lock, err := h.vault.PrepareLock(t.Context(), seal.ByInvitation, bytes.Repeat([]byte{3}, seal.CodeSize))
	h.ok(err)
	h.want("an older term", h.tenant.Update(t.Context(), func(tx *db.Tx) error { return h.vault.Put(t.Context(), tx, lock, old) }), fault.Conflict)
	h.unlock(m) // the lock that was there stays
}

// Who keeps something open under a key of a session hears of its end, once, when the
// keys are gone; at once where they are gone already.
func TestAtClose(t *testing.T) {
	h := newHouse(t)
	keeper := h.person()
	s := h.unlock(keeper)
	heard := 0
	s.AtClose(func() {
		if heard++; s.Holds(s.Person()) {
			t.Error("the keys are still there")
		}
	})
	if heard != 0 {
		t.Error("it was heard before the end")
	}
	s.Close()
	s.Close()
	s.AtClose(func() { heard++ })
	if heard != 2 {
		t.Errorf("it was heard %d times", heard)
	}
}
