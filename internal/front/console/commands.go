package console

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"siegel/internal/identity"
	"siegel/internal/identity/ceremony"
	"siegel/internal/identity/credential"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// commands lists what the door understands.
func (c *Console) commands() map[string]command {
	return map[string]command{
		"ping":                  func(context.Context, *call) (any, error) { return struct{}{}, nil },
		"tenant/kit":            c.tenantKit,
		"tenant/check":          c.tenantCheck,
		"tenant/ceremony":       c.tenantCeremony,
		"tenant/create":         c.tenantCreate,
		"tenant/list":           c.tenantList,
		"domain/request":        c.domainRequest,
		"access/repair":         c.accessRepair,
		"person/list":           c.personList,
		"person/invite":         c.personInvite,
		"person/accept":         c.personAccept,
		"person/password":       c.personPassword,
		"person/reset":          c.personReset,
		"person/remove":         c.personRemove,
		"person/role":           c.personRole,
		"person/address/add":    c.addressAdd,
		"person/address/remove": c.addressRemove,
		"person/regrant":        c.personRegrant,
		"access/list":           c.accessList,
		"access/request":        c.accessRequest,
		"access/approve":        c.decide(c.Identity.Approve),
		"access/reject":         c.decide(c.Identity.Reject),
		"access/withdraw":       c.decide(c.Identity.Withdraw),
		"access/recover":        c.accessRecover,
		"audit":                 c.audit,
		"search":                c.search,
		"show":                  c.show,
		"proof":                 c.proof,
		"export":                c.export,
		"import/list":           c.importList,
		"ledger/verify":         c.ledgerVerify,
		"ledger/export":         c.ledgerExport,
		"doctor":                c.doctor,
		"node/list":             c.nodeList,
		"node/ready":            c.nodeReady,
	}
}

func (c *Console) tenantKit(ctx context.Context, _ *call) (any, error) { return c.Identity.NewKit(ctx) }

// CreateTenant is the founding ceremony.
type CreateTenant struct {
	Name           string   `json:"name"`
	Domains        []string `json:"domains"`
	Administrators []string `json:"administrators"`
	Keepers        []string `json:"keepers"`
	Auditors       []string `json:"auditors"`
	Readers        []string `json:"readers"`
	Kit            mail.ID  `json:"kit"`
	Words          []string `json:"words"`
}

func (c *Console) tenantCreate(ctx context.Context, k *call) (any, error) {
	f, err := k.founding()
	if err != nil {
		return nil, err
	}
	return c.Identity.Found(ctx, f)
}

// CheckedTenant is a founding that would not be refused.
type CheckedTenant struct {
	// Strangers are people with an address of none of the domains, to be looked at.
	Strangers []mail.Address `json:"strangers,omitempty"`
}

// tenantCheck says whether a founding would be refused, before there is a kit.
func (c *Console) tenantCheck(ctx context.Context, k *call) (any, error) {
	f, err := k.founding()
	if err != nil {
		return nil, err
	}
	return CheckedTenant{f.Strangers()}, c.Deps.Ceremony.Check(ctx, f)
}

// Ceremony is an invitation to found a tenant in a browser.
type Ceremony struct {
	ceremony.Invitation
	URL string `json:"url,omitempty"` // of the page; empty where the door for browsers is shut
}

func (c *Console) tenantCeremony(ctx context.Context, _ *call) (any, error) {
	i, err := c.Deps.Ceremony.Invite(ctx)
	out := Ceremony{Invitation: i}
	if base := c.Pages(); base != "" {
		out.URL = base + "/found#" + i.Code
	}
	return out, err
}

// founding reads a founding ceremony.
func (k *call) founding() (identity.Founding, error) {
	var r CreateTenant
	if err := k.read(&r); err != nil {
		return identity.Founding{}, err
	}
	f := identity.Founding{
		Name: r.Name, Kit: r.Kit, Words: r.Words, Administrators: addresses(r.Administrators),
		Keepers: addresses(r.Keepers), Auditors: addresses(r.Auditors), Readers: addresses(r.Readers),
	}
	for _, d := range r.Domains {
		f.Domains = append(f.Domains, mail.NewDomain(d))
	}
	return f, nil
}

func addresses(list []string) (out []mail.Address) {
	for _, a := range list {
		out = append(out, mail.NewAddress(a))
	}
	return out
}

// Listed is a tenant with its state.
type Listed struct {
	identity.Tenant
	Problem string `json:"problem,omitempty"` // of its ledger: the tenant is shut, or will be at the next start
}

func (c *Console) tenantList(ctx context.Context, k *call) (any, error) {
	tenants, err := c.Identity.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	damaged, err := c.Evidence.Damaged(ctx)
	if err != nil && fault.Of(err) != fault.Damaged && fault.Of(err) != fault.Invalid {
		return nil, err
	}
	list := []Listed{} // where the instance itself is damaged the list is asked for all the more
	for _, t := range tenants {
		one := Listed{Tenant: t}
		if err := damaged[t.ID]; err != nil {
			one.Problem = Explain(c.texts, k.lang, err).Text
		}
		list = append(list, one)
	}
	return list, nil
}

// Signed is a command with nothing but who gives it.
type Signed struct {
	Credentials
}

// Repaired is how many rows of nothing were removed.
type Repaired struct {
	Removed int `json:"removed"`
}

func (c *Console) accessRepair(ctx context.Context, k *call) (any, error) {
	var r Signed
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		n, err := c.Identity.Repair(ctx, s)
		return Repaired{n}, err
	})
}

func (c *Console) personList(ctx context.Context, k *call) (any, error) {
	var r Signed
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return c.Identity.People(ctx, s) })
}

// Person names an account, and what becomes of it.
type Person struct {
	Credentials
	Email   string `json:"email"`
	Role    string `json:"role,omitempty"`
	Address string `json:"address,omitempty"`
	// Domain is confirmed to be meant, of an invitation.
	Domain string `json:"domain,omitempty"`
}

// person reads a command about a person and runs it in a session.
func (c *Console) person(ctx context.Context, k *call, f func(*identity.Session, Person, mail.Address) (any, error)) (any, error) {
	var r Person
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return f(s, r, mail.NewAddress(r.Email)) })
}

// done is the result of a command that has none.
type done struct{}

func (c *Console) personInvite(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, r Person, email mail.Address) (any, error) {
		role, err := identity.ParseRole(r.Role)
		if err != nil {
			return nil, err
		}
		p, code, err := c.Identity.Invite(ctx, s, email, role, mail.NewDomain(r.Domain))
		return identity.Invitation{Email: p.Email, Role: p.Role, Code: code}, err
	})
}

// Accept takes an invitation.
type Accept struct {
	Tenant   string `json:"tenant,omitempty"`
	Email    string `json:"email"`
	Code     string `json:"code"`
	Password string `json:"password"`
}

// MinPassword is the least number of characters of a password.
const MinPassword = credential.MinPassword

// CheckCode fails with kind Invalid where a code has not the form of one, so that
// nobody is asked for a password in vain.
func CheckCode(code string) error {
	raw, err := credential.ParseCode(code)
	clear(raw)
	return err
}

// CheckPassword fails with kind Invalid where a password is not good enough, so that
// who types it is asked again at once.
func CheckPassword(p string) error { return credential.CheckPassword([]byte(p)) }

func (c *Console) personAccept(ctx context.Context, k *call) (any, error) {
	var r Accept
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return done{}, c.Identity.Accept(ctx, r.Tenant, mail.NewAddress(r.Email), r.Code, []byte(r.Password))
}

// Password changes one's own password.
type Password struct {
	Credentials
	New string `json:"new"`
}

func (c *Console) personPassword(ctx context.Context, k *call) (any, error) {
	var r Password
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		return done{}, c.Identity.ChangePassword(ctx, s, []byte(r.New))
	})
}

// Reset is an account that was reset, and whose mail is sealed to her no longer.
type Reset struct {
	identity.Invitation
	Ended []mail.Address `json:"ended"`
	Left
}

// Left says how many keepers are left where there is one less.
type Left struct {
	Keepers *int `json:"keepers,omitempty"`
}

// without returns how many keepers would be left without a person, if she is one.
func (c *Console) without(ctx context.Context, s *identity.Session, email mail.Address) (l Left, err error) {
	list, err := c.Identity.People(ctx, s)
	left := 0
	for _, p := range list {
		switch {
		case p.Role != identity.Keeper || p.State == identity.Removed:
		case p.Email == email:
			l.Keepers = &left
		case p.State == identity.Active:
			left++
		}
	}
	return l, err
}

func (c *Console) personReset(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, _ Person, email mail.Address) (any, error) {
		left, err := c.without(ctx, s, email)
		if err != nil {
			return nil, err
		}
		out, err := c.Identity.Reset(ctx, s, email)
		return Reset{identity.Invitation{Email: email, Code: out.Code}, out.Ended, left}, err
	})
}

func (c *Console) personRemove(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, _ Person, email mail.Address) (any, error) {
		left, err := c.without(ctx, s, email)
		if err != nil {
			return nil, err
		}
		return left, c.Identity.Remove(ctx, s, email)
	})
}

// Requested is the result of a command that became a request.
type Requested struct {
	Request *identity.Request `json:"request"`
	Unheld
}

// Unheld says of a request that no keeper can approve it: none but who asks has a password.
type Unheld struct {
	Unheld bool `json:"no_keeper,omitempty"`
}

// unheld looks for a keeper who could approve a request.
func (c *Console) unheld(ctx context.Context, s *identity.Session) (u Unheld, err error) {
	list, err := c.Identity.People(ctx, s)
	u.Unheld = !slices.ContainsFunc(list, func(p identity.Person) bool {
		return p.Role == identity.Keeper && p.State == identity.Active && p.ID != s.Person()
	})
	return u, err
}

// Changed is what became of a change of a role.
type Changed struct {
	identity.Change
	Unheld
}

func (c *Console) personRole(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, r Person, email mail.Address) (any, error) {
		role, err := identity.ParseRole(r.Role)
		if err != nil {
			return nil, err
		}
		out := Changed{}
		if out.Change, err = c.Identity.SetRole(ctx, s, email, role); err == nil && out.Request != nil {
			out.Unheld, err = c.unheld(ctx, s)
		}
		return out, err
	})
}

func (c *Console) addressAdd(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, r Person, email mail.Address) (any, error) {
		q, err := c.Identity.AddAddress(ctx, s, email, mail.NewAddress(r.Address))
		out := Requested{Request: q}
		if err == nil && q != nil {
			out.Unheld, err = c.unheld(ctx, s)
		}
		return out, err
	})
}

func (c *Console) addressRemove(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, r Person, email mail.Address) (any, error) {
		return done{}, c.Identity.RemoveAddress(ctx, s, email, mail.NewAddress(r.Address))
	})
}

// Regranted is how many messages a person has gained.
type Regranted struct {
	Messages int64 `json:"messages"`
}

func (c *Console) personRegrant(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, _ Person, email mail.Address) (any, error) {
		owner, err := c.Identity.Owner(ctx, s, email)
		if err != nil {
			return nil, err
		}
		n, err := c.Archive.Regrant(ctx, s, owner, k.progress)
		return Regranted{n}, err
	})
}

func (c *Console) accessList(ctx context.Context, k *call) (any, error) {
	var r Signed
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return c.Identity.Requests(ctx, s) })
}

// Asked is a request that was made.
type Asked struct {
	identity.Request
	Unheld
}

func (c *Console) accessRequest(ctx context.Context, k *call) (any, error) {
	return c.person(ctx, k, func(s *identity.Session, r Person, email mail.Address) (any, error) {
		role, err := identity.ParseRole(r.Role)
		if err != nil {
			return nil, err
		}
		out := Asked{}
		if out.Request, err = c.Identity.RequestRole(ctx, s, email, role); err == nil {
			out.Unheld, err = c.unheld(ctx, s)
		}
		return out, err
	})
}

// Decide ends a request.
type Decide struct {
	Credentials
	Request mail.ID `json:"request"`
}

// decide is a command that ends a request.
func (c *Console) decide(f func(context.Context, *identity.Session, mail.ID) (identity.Request, error)) command {
	return func(ctx context.Context, k *call) (any, error) {
		var r Decide
		if err := k.read(&r); err != nil {
			return nil, err
		}
		return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return f(ctx, s, r.Request) })
	}
}

// Recover carries out a request with the recovery kit.
type Recover struct {
	Tenant  string  `json:"tenant,omitempty"`
	Request mail.ID `json:"request"`
	File    []byte  `json:"file"`
	Words   string  `json:"words"`
}

func (c *Console) accessRecover(ctx context.Context, k *call) (any, error) {
	var r Recover
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return done{}, c.Identity.Recover(ctx, r.Tenant, r.Request, r.File, r.Words)
}

// Search asks for messages.
type Search struct {
	Credentials
	Query    string `json:"query"`
	Limit    int    `json:"limit"`
	Order    string `json:"order,omitempty"` // newest, oldest, relevance
	Cursor   string `json:"cursor,omitempty"`
	Excerpts bool   `json:"excerpts,omitempty"`
	// Attachments waits until those that wait to be read are read, however many.
	Attachments bool `json:"attachments,omitempty"`
}

// How long a search waits for attachments to be read: of a few mails that came since it
// is enough, of an archive that was never read it is what somebody has to ask for.
const (
	shortly = time.Second
	wholly  = 30 * 24 * time.Hour
)

func (c *Console) search(ctx context.Context, k *call) (any, error) {
	var r Search
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		if s.Account().Role == identity.Administrator {
			return nil, fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
		}
		if r.Limit < 1 {
			return nil, fault.Newf(fault.Invalid, "ask for 1 to %d hits", index.MaxPage)
		}
		wait := index.Wait{Progress: k.progress, Attachments: shortly}
		if r.Attachments {
			wait.Attachments = wholly
		}
		return c.Index.Search(ctx, s, index.Request{
			Text: r.Query, Limit: r.Limit, Order: index.Order(r.Order), Cursor: r.Cursor, Excerpts: r.Excerpts, Wait: wait,
		})
	})
}

// Show asks for a message.
type Show struct {
	Credentials
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
	Report bool   `json:"report,omitempty"` // the journal report that it came in
}

// Shown is what is known of a shown message.
type Shown struct {
	ID      mail.ID   `json:"id"`
	Size    int64     `json:"size,omitzero"`
	SHA256  string    `json:"sha256,omitzero"`
	Arrived time.Time `json:"arrived,omitzero"`
	Source  string    `json:"source,omitempty"`      // docs/formats/entry.md; for who holds the archive
	Called  string    `json:"source_name,omitempty"` // of a registered source that is still known
}

func (c *Console) show(ctx context.Context, k *call) (any, error) {
	var r Show
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (_ any, err error) {
		id, err := mail.ParseID(r.ID)
		if err != nil {
			return nil, fault.Because(fault.Invalid, "this is not the id of a message: an id has 32 hexadecimal digits", err)
		}
		open := c.Archive.Show
		if r.Report {
			open = c.Archive.ShowReport
		}
		m, err := open(ctx, s, id, r.Reason)
		if err != nil {
			return nil, err
		}
		defer func() { _ = m.Close() }() // reading has said what there is to say
		called, err := c.called(ctx, s, m.Source)
		if err != nil {
			return nil, err
		}
		w := &lazy{call: k, head: Shown{m.ID, m.Size, hexOf(m.SHA256), mail.FromMicros(m.Arrived), m.Source, called}}
		if _, err = io.Copy(w, m); err != nil {
			return nil, err
		}
		return nil, w.begin() // an empty message has no first octet
	})
}

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }
