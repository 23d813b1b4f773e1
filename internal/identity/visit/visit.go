// Package visit is how people come to the doors for browsers: they sign in with a
// password, come back with a cookie, on any node, and leave. It keeps the keys of those
// who are here in locked memory for some minutes, so that not every page unlocks anew.
package visit

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/brake"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/opened"
	"siegel/internal/identity/setting"
	"siegel/internal/identity/ticket"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// restFor is how long a session's keys stay in memory when nobody uses them.
const restFor = 5 * time.Minute

// Deps is what the room works with.
type Deps struct {
	Identity *identity.Identity
	Tickets  *ticket.Shelf
	Brake    *brake.Brake
	Trail    *audit.Trail
	// Most is how many sessions' keys are in memory at once; those that nobody uses
	// make room for others.
	Most int
}

// Room is the room. Use it from many goroutines.
type Room struct {
	Deps

	mu   sync.Mutex
	here map[ticket.Name]*guest // guarded by mu
}

// guest is a session whose keys are in memory.
type guest struct {
	session *identity.Session
	users   int       // who has it in use; guarded by Room.mu
	last    time.Time // when somebody used it last; guarded by Room.mu
}

// New returns the room.
func New(d Deps) *Room { return &Room{Deps: d, here: make(map[ticket.Name]*guest)} }

// Visitor is who comes to a door.
type Visitor struct {
	Peer   netip.Addr // where from
	Agent  string     // what the browser says that it is
	Device string     // cookie of the device, empty where it has none
	Poll   bool       // an open page asks by itself, which is no use of a session
}

func (v Visitor) visit() ticket.Visit { return ticket.Visit{Device: v.Agent, Peer: v.Peer.String()} }

// Entered is what a browser keeps of a sign-in.
type Entered struct {
	Cookie string // that it comes back with
	Device string // by which it is known the next time
	Ends   time.Time
}

// begin says whether an attempt may be looked at. One that may not ([brake.Held]) is counted
// with those that were refused before it is answered.
func (r *Room) begin(ctx context.Context, try brake.Try, tenant string, kind seal.LockKind) error {
	err := r.Brake.Begin(ctx, try)
	if _, ok := errors.AsType[*brake.Held](err); ok {
		if bad := r.Identity.Held(ctx, tenant, try.Email, kind); bad != nil {
			return bad
		}
	}
	return err
}

// SignIn opens a session and keeps a ticket for it. It fails with a [brake.Held] where
// too many attempts failed, and otherwise as [identity.Identity.SignIn] does.
func (r *Room) SignIn(ctx context.Context, v Visitor, tenant string, email mail.Address, password []byte) (Entered, error) {
	try := brake.Try{Email: email, Peer: v.Peer, Device: v.Device}
	if err := r.begin(ctx, try, tenant, seal.ByPassword); err != nil {
		return Entered{}, err
	}
	s, err := r.Identity.SignIn(ctx, tenant, email, password)
	if err != nil {
		return Entered{}, err
	}
	defer s.Close() // the browser comes back with its ticket
	out := Entered{}
	if out.Device, err = r.Brake.Succeed(ctx, try); err != nil {
		return Entered{}, err
	}
	var t ticket.Ticket
	out.Cookie, t, err = r.Tickets.Make(ctx, s.Tenant().ID(), s.Person(), s.Unlocked(), v.visit())
	out.Ends = t.Ends
	return out, err
}

// ChangePassword locks the visitor's seed with another password, for who knows the one
// that there is: whoever sits at an open session is not its person yet. It fails as
// [Room.SignIn] does, and with kind Invalid where the new one breaks a rule.
func (r *Room) ChangePassword(ctx context.Context, from Visitor, v *Visit, now, next []byte) error {
	if err := credential.CheckPassword(next); err != nil {
		return err
	}
	if bytes.Equal(now, next) {
		return fault.New(fault.Invalid, "the new password is the one that there is; choose another")
	}
	email := v.Account().Email
	try := brake.Try{Email: email, Peer: from.Peer, Device: from.Device}
	if err := r.begin(ctx, try, v.TenantName(), seal.ByPassword); err != nil {
		return err
	}
	s, err := r.Identity.SignIn(ctx, v.TenantName(), email, now)
	if fault.Of(err) == fault.Denied && err != nil { // the address is hers, so it is the password
		return fault.Because(fault.Denied, "your password until now is wrong", err)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := r.Brake.Succeed(ctx, try); err != nil {
		return err
	}
	return r.Identity.ChangePassword(ctx, v.Session, next)
}

// Invited is an invitation that is taken.
type Invited struct {
	Tenant   string // empty where the address has one tenant only
	Email    mail.Address
	Code     string
	Password []byte // that the person chooses
}

// Accept takes an invitation, as [identity.Identity.Accept] does, and fails with a
// [brake.Held] where too many attempts failed.
func (r *Room) Accept(ctx context.Context, from Visitor, i Invited) error {
	if err := credential.CheckPassword(i.Password); err != nil {
		return err
	}
	try := brake.Try{Email: i.Email, Peer: from.Peer, Device: from.Device}
	if err := r.begin(ctx, try, i.Tenant, seal.ByInvitation); err != nil {
		return err
	}
	if err := r.Identity.Accept(ctx, i.Tenant, i.Email, i.Code, i.Password); err != nil {
		return err
	}
	_, err := r.Brake.Succeed(ctx, try)
	return err
}

// Visit is a session in use. Release it: it may be closed only then.
type Visit struct {
	*identity.Session
	Ticket  ticket.Ticket
	Release func()

	hold func() func()
}

// Hold keeps the visit's keys in memory also when nobody comes for a while, until
// release is called. Hold it before Release. What ends a session ends it all the same:
// its person signs out, its ticket ends, her account changes.
func (v *Visit) Hold() (release func()) { return v.hold() }

// Return opens the session of a cookie, which is a use of it unless a page asks by itself
// (AU-07): a session rests also where a page stays open. It fails with kind Locked where there is none, or
// none any more.
func (r *Room) Return(ctx context.Context, v Visitor, cookie string) (*Visit, error) {
	t, err := r.Tickets.Find(ctx, cookie, func(owner mail.TenantID) (time.Duration, error) { return r.Idle(ctx, owner) })
	if err != nil {
		return nil, err
	}
	s, release := r.take(t.Name)
	if s == nil {
		if s, err = r.resume(ctx, t, cookie); err != nil {
			return nil, err
		}
		s, release = r.put(t.Name, s)
	}
	if !v.Poll {
		err = r.Tickets.Note(ctx, t, v.visit())
	}
	if err != nil {
		release()
		return nil, err
	}
	return &Visit{Session: s, Ticket: t, Release: release, hold: func() func() { return r.hold(t.Name, s) }}, nil
}

func (r *Room) resume(ctx context.Context, t ticket.Ticket, cookie string) (*identity.Session, error) {
	s, err := r.Identity.Resume(ctx, r.Tickets, t, cookie)
	if fault.Of(err) == fault.Exhausted {
		// No room for further keys: those that nobody uses go.
		r.clear(func(*guest) bool { return true })
		s, err = r.Identity.Resume(ctx, r.Tickets, t, cookie)
	}
	return s, err
}

// take returns a session that is here, and what releases it.
func (r *Room) take(name ticket.Name) (*identity.Session, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.here[name]
	if g == nil {
		return nil, nil
	}
	if g.session.Unlocked().Closed() { // her account has changed
		delete(r.here, name)
		return nil, nil
	}
	return r.use(g)
}

// use counts a user of a guest. The caller holds mu.
func (r *Room) use(g *guest) (*identity.Session, func()) {
	g.users++
	return g.session, sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		g.users--
		g.last = r.Tickets.Now()
	})
}

// hold counts a further user of a session in use.
func (r *Room) hold(name ticket.Name, s *identity.Session) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.here[name]; g != nil && g.session == s {
		_, release := r.use(g)
		return release
	}
	return func() {} // it has ended meanwhile
}

// Here returns whose keys are in memory.
func (r *Room) Here() (list []opened.Whose) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[opened.Whose]bool)
	for _, g := range r.here {
		if of := g.session.Whose(); !seen[of] && !g.session.Unlocked().Closed() {
			seen[of] = true
			list = append(list, of)
		}
	}
	return list
}

// Borrow returns a session of a person that is here, in use until release is called; nil
// where there is none.
func (r *Room) Borrow(of opened.Whose) (s *identity.Session, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.here {
		if g.session.Whose() == of && !g.session.Unlocked().Closed() {
			return r.use(g)
		}
	}
	return nil, nil
}

// put notes a session that was opened. Where another request of the same browser was
// quicker, its session is used.
func (r *Room) put(name ticket.Name, s *identity.Session) (*identity.Session, func()) {
	r.mu.Lock()
	g, there := r.here[name]
	if !there || g.session.Unlocked().Closed() {
		g = &guest{session: s}
		r.here[name] = g
	}
	mine, release := r.use(g)
	full := len(r.here) > r.Most
	r.mu.Unlock()
	if mine != s {
		s.Close()
	}
	if full {
		r.clear(func(*guest) bool { return true })
	}
	return mine, release
}

// clear closes sessions that nobody uses and that go says.
func (r *Room) clear(goes func(*guest) bool) {
	r.mu.Lock()
	var list []*identity.Session
	for name, g := range r.here {
		if g.users == 0 && goes(g) {
			delete(r.here, name)
			list = append(list, g.session)
		}
	}
	r.mu.Unlock()
	for _, s := range list {
		s.Close()
	}
}

// end closes a session whose ticket has ended, once nobody uses its keys.
func (r *Room) end(name ticket.Name) {
	r.mu.Lock()
	g := r.here[name]
	delete(r.here, name)
	r.mu.Unlock()
	if g != nil {
		g.session.Close()
	}
}

// Sweep closes sessions that have rested, and those whose tickets ended elsewhere. Call
// it every few seconds.
func (r *Room) Sweep(ctx context.Context) error {
	now := r.Tickets.Now()
	r.clear(func(g *guest) bool { return now.Sub(g.last) > restFor })
	r.mu.Lock()
	var names []ticket.Name
	for name := range r.here {
		names = append(names, name)
	}
	r.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	there, err := r.Tickets.Names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !there[name] {
			r.end(name)
		}
	}
	return nil
}

// Close forgets all keys. It returns nil.
func (r *Room) Close() error {
	r.mu.Lock()
	here := r.here
	r.here = make(map[ticket.Name]*guest)
	r.mu.Unlock()
	for _, g := range here {
		g.session.Close()
	}
	return nil
}

// Leave ends the ticket of a visit.
func (r *Room) Leave(ctx context.Context, v *Visit) error {
	return r.End(ctx, v, v.Ticket.ID)
}

// List returns the tickets of the person who visits.
func (r *Room) List(ctx context.Context, v *Visit) ([]ticket.Ticket, error) {
	return r.Tickets.List(ctx, v.Tenant().ID(), v.Person())
}

// End ends one of the visitor's own tickets, wherever it is used (AU-09). It fails with
// kind NotFound where she has none of that id.
func (r *Room) End(ctx context.Context, v *Visit, id mail.ID) error {
	list, err := r.List(ctx, v)
	if err != nil {
		return err
	}
	err = r.Tickets.DB.Update(ctx, func(b *db.Batch) error {
		ended, err := ticket.End(ctx, b, v.Tenant().ID(), v.Person(), id)
		if err == nil && !ended {
			err = fault.New(fault.NotFound, "there is no such session; it may have ended meanwhile")
		}
		if err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, b.Tenant(v.Tenant().ID()), audit.Event{What: "session.end", Who: v.Person().String(), Object: id.String()})
	})
	for _, t := range list {
		if t.ID == id && (err == nil || errors.Is(err, db.ErrUnknown)) {
			r.end(t.Name)
		}
	}
	return err
}

// Idle returns how long a tenant's tickets may rest.
func (r *Room) Idle(ctx context.Context, owner mail.TenantID) (time.Duration, error) {
	text, err := setting.Of(ctx, r.Tickets.DB.Tenant(owner), setting.IdleMinutes)
	if err != nil {
		return 0, err
	}
	minutes, err := strconv.Atoi(text)
	if err != nil || minutes < int(ticket.MinIdle/time.Minute) || minutes > int(ticket.MaxIdle/time.Minute) {
		return ticket.DefaultIdle, nil //nolint:nilerr // it is what nobody can choose
	}
	return time.Duration(minutes) * time.Minute, nil
}

// SetIdle chooses how long tickets of the visitor's tenant may rest (AU-08). Where was is
// given, it fails with kind Conflict when it is something else by now.
func (r *Room) SetIdle(ctx context.Context, s *identity.Session, idle time.Duration, was ...time.Duration) error {
	if idle < ticket.MinIdle || idle > ticket.MaxIdle {
		return fault.Newf(fault.Invalid, "choose between %d minutes and %d days", int(ticket.MinIdle/time.Minute), int(ticket.MaxIdle/(24*time.Hour)))
	}
	var texts []string
	for _, w := range was {
		texts = append(texts, strconv.Itoa(int(w/time.Minute)))
	}
	return r.Identity.Choose(ctx, s, setting.IdleMinutes, strconv.Itoa(int(idle/time.Minute)), texts...)
}

// Expire deletes what has ended. Call it now and then.
func (r *Room) Expire(ctx context.Context) error {
	tenants, err := r.Identity.Tenants(ctx)
	if err != nil {
		return err
	}
	errs := []error{r.Brake.Expire(ctx)}
	for _, t := range tenants {
		idle, err := r.Idle(ctx, t.ID)
		if err == nil {
			err = r.Tickets.Expire(ctx, t.ID, idle)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
