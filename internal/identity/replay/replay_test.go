package replay_test

import (
	"crypto/sha256"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"siegel/internal/identity"
	"siegel/internal/identity/replay"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
)

// mac is a MAC under a key that everybody knows.
type mac struct{}

func (mac) SignInMAC(b []byte) [32]byte { return sha256.Sum256(b) }

// house is a shelf with a clock.
type house struct {
	*testing.T
	*replay.Shelf
	at     time.Time
	tenant db.Tenant
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, at: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}
	d, err := dbtest.New(t).Open(t.Context())
	h.ok(err)
	t.Cleanup(func() { _ = d.Close() })
	h.ok(d.Migrate(t.Context(), "identity", identity.Migrations()))
	h.tenant = d.Tenant(mail.NewID())
	h.Shelf = replay.New(replay.Deps{DB: d, MAC: mac{}, Now: func() time.Time { return h.at }})
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// begins wants a request to be carried out.
func (h *house) begins(what string, a replay.Ask) {
	h.Helper()
	if answer, err := h.Begin(h.Context(), h.tenant, a); answer != nil || err != nil {
		h.Errorf("%s: %+v, %v", what, answer, err)
	}
}

func (h *house) fails(what string, a replay.Ask, with error, kind fault.Kind) {
	h.Helper()
	if answer, err := h.Begin(h.Context(), h.tenant, a); answer != nil || !errors.Is(err, with) || fault.Of(err) != kind {
		h.Errorf("%s: %+v, %v", what, answer, err)
	}
}

// EX-18: the answer to a key comes back for a day, to the same request of the same person
// only.
func TestAnswer(t *testing.T) {
	h := newHouse(t)
	a := replay.Ask{Person: mail.NewID(), Key: "k", Request: []byte("POST /x {}")}
	h.begins("the first", a)
	h.fails("a second beside it", a, replay.ErrRunning, fault.Conflict)
	h.ok(h.Keep(t.Context(), h.tenant, a, replay.Answer{Status: 201, Location: "/x/1", Body: []byte(`{"a":1}`)}))
	got, err := h.Begin(t.Context(), h.tenant, a)
	if err != nil || got.Status != 201 || got.Location != "/x/1" || string(got.Body) != `{"a":1}` {
		t.Errorf("%+v, %v", got, err)
	}
	other := a
	other.Request = []byte(`POST /x {"b":2}`)
	h.fails("another request", other, replay.ErrOther, fault.Invalid)
	other = a
	other.Person = mail.NewID()
	h.begins("of another person", other)
	h.at = h.at.Add(replay.For - time.Second)
	if got, err := h.Begin(t.Context(), h.tenant, a); got == nil || err != nil {
		t.Errorf("within the day: %+v, %v", got, err)
	}
	h.at = h.at.Add(2 * time.Second)
	h.begins("after a day", a)
}

// What was refused may be mended; what broke off, or was left by a process that died, is
// never done twice; a secret is not kept.
func TestEnds(t *testing.T) {
	h := newHouse(t)
	a := replay.Ask{Person: mail.NewID(), Key: "k", Request: []byte("x")}
	h.begins("refused", a)
	h.ok(h.Forget(t.Context(), h.tenant, a))
	a.Request = []byte("mended")
	h.begins("mended", a)
	h.ok(h.Lose(t.Context(), h.tenant, a))
	h.fails("lost", a, replay.ErrUnknown, fault.Conflict)
	a.Key = "died"
	h.begins("whose process dies", a)
	h.at = h.at.Add(replay.Patience)
	h.fails("after the process died", a, replay.ErrUnknown, fault.Conflict)
	a.Key = "secret"
	h.begins("with a secret", a)
	h.ok(h.Done(t.Context(), h.tenant, a))
	h.fails("done", a, replay.ErrSecret, fault.Conflict)
	a.Key = "large"
	h.begins("with a large answer", a)
	h.ok(h.Keep(t.Context(), h.tenant, a, replay.Answer{Status: 200, Body: make([]byte, replay.MaxAnswer+1)}))
	h.fails("its answer", a, replay.ErrSecret, fault.Conflict)
	h.at = h.at.Add(2 * replay.For)
	h.ok(h.Expire(t.Context(), h.tenant))
	h.begins("after it expired", a)
}

// Of many at once with one key, one is carried out.
func TestAtOnce(t *testing.T) {
	h := newHouse(t)
	a := replay.Ask{Person: mail.NewID(), Key: "k", Request: []byte("x")}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var ran, refused int
	for range 16 {
		wg.Go(func() {
			_, err := h.Begin(t.Context(), h.tenant, a)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ran++
			case errors.Is(err, replay.ErrRunning):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ran != 1 || refused != 15 {
		t.Errorf("%d ran, %d were refused", ran, refused)
	}
}

// A person has so many keys and no more.
func TestBounded(t *testing.T) {
	h := newHouse(t)
	a := replay.Ask{Person: mail.NewID(), Request: []byte("x")}
	person := a.Person
	h.ok(h.tenant.Update(t.Context(), func(tx *db.Tx) error {
		rows := make([][]any, replay.MostKeys)
		for i := range rows {
			rows[i] = []any{person.Bytes(), []byte("name " + strconv.Itoa(i)), []byte("x"), mail.Micros(h.at)}
		}
		return tx.Insert(t.Context(), `INSERT INTO identity_replay (tenant, person, name, fingerprint, state, began, status, location, answer) VALUES ($1, $2, $3, $4, 0, $5, 0, '', '')`, rows)
	}))
	a.Key = "one more"
	if _, err := h.Begin(t.Context(), h.tenant, a); fault.Of(err) != fault.Exhausted {
		t.Error(err)
	}
}
