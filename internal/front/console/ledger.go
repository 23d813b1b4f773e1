package console

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"siegel/internal/archive"
	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/plural"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Evidence is what the door needs of the ledger; app has it.
type Evidence interface {
	// Proof writes the bundle of a message.
	Proof(ctx context.Context, s *identity.Session, of archive.ProofOf, w io.Writer) error
	// VerifyLedger checks the instance's log and those of a tenant, all of them
	// where the tenant is zero, without any key.
	VerifyLedger(ctx context.Context, tenant mail.TenantID) ([]Verified, error)
	// VerifyOpened checks a tenant's messages and audit events in the session of
	// a keeper.
	VerifyOpened(ctx context.Context, s *identity.Session, progress func(done, total int64)) ([]Verified, error)
	// Export writes a tenant's ledger for siegel-verify.
	Export(ctx context.Context, tenant mail.TenantID, dir string) (Exported, error)
	// Damaged says what is wrong with the ledgers of tenants.
	Damaged(ctx context.Context) (map[mail.TenantID]error, error)
	// Doctor looks at everything that an operator can mend.
	Doctor(ctx context.Context) []Finding
	// Space says how much room there is, and for how long.
	Space(ctx context.Context) (Space, error)
	// Whole says whether what a tenant's sources count is in its message log.
	Whole(ctx context.Context, tenant mail.TenantID) (tally.Whole, error)
}

// Exported is a ledger that was written.
type Exported struct {
	Dir      string     `json:"dir"`
	Unsigned []Unsigned `json:"unsigned"` // logs that are not in it, or not all of them
}

// Unsigned is a log of which no checkpoint covers every entry yet.
type Unsigned struct {
	Log     string     `json:"log"`
	Signed  int64      `json:"signed"`        // entries that a checkpoint covers, and that were written; without any the log is left out
	Entries int64      `json:"entries"`       // that it has
	Due     *time.Time `json:"due,omitempty"` // of its next checkpoint; nil where it has no entry
}

// Sentence is a text for users that waits for its language.
type Sentence struct {
	Text string // the English one, with verbs of fmt and choices of kit/plural
	Args []any
}

// String returns the English text.
func (s Sentence) String() string {
	if len(s.Args) == 0 {
		return s.Text
	}
	return plural.Format(s.Text, s.Args...)
}

// Sentence returns text and arguments, for a sentence that has this one in it (kit/text).
func (s Sentence) Sentence() (string, []any) { return s.Text, s.Args }

// Finding is one thing that the doctor looked at.
type Finding struct {
	Name, State  string // state: ok, warn, bad
	What, Remedy Sentence
}

// Verified is the outcome of checking one log at one depth.
type Verified struct {
	Tenant      string    `json:"tenant,omitempty"` // name; empty for the instance
	Log         string    `json:"log"`
	Depth       string    `json:"depth"` // sealed, opened
	Entries     int64     `json:"entries"`
	Signed      bool      `json:"signed"` // it is of a log, which is signed and stamped: the next two say how often
	Checkpoints int       `json:"checkpoints"`
	Stamps      int       `json:"stamps"`
	Found       int       `json:"found"`    // problems in all
	Problems    []Problem `json:"problems"` // the first of them, [MaxProblems] at most
}

// MaxProblems bounds how many problems of one check are listed.
const MaxProblems = 1000

// Add counts a problem, and lists it where there is room.
func (v *Verified) Add(p Problem) {
	v.Found++
	if len(v.Problems) < MaxProblems {
		v.Problems = append(v.Problems, p)
	}
}

// Problem is what does not verify.
type Problem struct {
	Index   int64  `json:"index"`             // of the entry; -1 where it is not of one entry
	Message string `json:"message,omitempty"` // id of the message that the entry speaks of
	What    string `json:"what"`              // in the language of who asked: the door sets it
	Err     error  `json:"-"`                 // of kind Damaged; its sentence says what
}

// Check is a finding in the language of who asked.
type Check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warn, bad
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"`
}

// Proof asks for the bundle of a message.
type Proof struct {
	Show
	WaitSeconds    int  `json:"wait_seconds,omitempty"` // for the timestamp, at most an hour
	WithoutMessage bool `json:"without_message,omitempty"`
}

const maxWait = time.Hour

func (c *Console) proof(ctx context.Context, k *call) (any, error) {
	var r Proof
	if err := k.read(&r); err != nil {
		return nil, err
	}
	wait := time.Duration(r.WaitSeconds) * time.Second
	if wait < 0 || wait > maxWait {
		return nil, fault.New(fault.Invalid, "wait for at most an hour")
	}
	id, err := mail.ParseID(r.ID)
	if err != nil {
		return nil, fault.Because(fault.Invalid, "this is not the id of a message: an id has 32 hexadecimal digits", err)
	}
	of := archive.ProofOf{ID: id, Reason: r.Reason, WithoutMessage: r.WithoutMessage}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		until := time.Now().Add(wait)
		for {
			err := c.Evidence.Proof(ctx, s, of, &lazy{call: k, head: Shown{ID: id}})
			if fault.Of(err) != fault.Busy || time.Now().After(until) || k.sent {
				return nil, err
			}
			select {
			case <-ctx.Done():
				return nil, errors.Join(err, ctx.Err())
			case <-time.After(time.Second):
			}
		}
	})
}

// lazy begins the answer with the first octet, so that errors before it are
// told.
type lazy struct {
	call *call
	head Shown
}

func (l *lazy) Write(b []byte) (int, error) {
	if err := l.begin(); err != nil {
		return 0, err
	}
	n, err := l.call.w.Write(b)
	l.call.gone = l.call.gone || err != nil
	return n, err
}

func (l *lazy) begin() error {
	if l.call.sent {
		return nil
	}
	return l.call.octets(l.head)
}

// Ledger names whose ledger is meant, and the session for the depth that needs
// one.
type Ledger struct {
	Credentials
	Dir string `json:"dir,omitempty"` // of an export
}

func (c *Console) ledgerVerify(ctx context.Context, k *call) (any, error) {
	var r Ledger
	if err := k.read(&r); err != nil {
		return nil, err
	}
	var tenant mail.TenantID
	if r.Tenant != "" {
		// Whose rows do not stand is verified all the more.
		list, err := c.Identity.Tenants(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(t identity.Tenant) bool { return t.Name == r.Tenant })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "there is no such tenant")
		}
		tenant = list[i].ID
	}
	list, err := c.Evidence.VerifyLedger(ctx, tenant)
	if err != nil || r.As == "" {
		return c.said(k.lang, list), err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		more, err := c.Evidence.VerifyOpened(ctx, s, k.progress)
		return c.said(k.lang, append(list, more...)), err
	})
}

// said puts the problems into words.
func (c *Console) said(l text.Lang, list []Verified) []Verified {
	for _, v := range list {
		for i := range v.Problems {
			v.Problems[i].What = Explain(c.texts, l, v.Problems[i].Err).Text
		}
	}
	return list
}

func (c *Console) ledgerExport(ctx context.Context, k *call) (any, error) {
	var r Ledger
	if err := k.read(&r); err != nil {
		return nil, err
	}
	t, err := c.Identity.Named(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	return c.Evidence.Export(ctx, t.ID, r.Dir)
}

func (c *Console) doctor(ctx context.Context, k *call) (any, error) {
	list := []Check{}
	for _, f := range c.Evidence.Doctor(ctx) {
		list = append(list, Check{
			Name: f.Name, State: f.State, What: c.texts.Say(k.lang, f.What.Text, f.What.Args...),
			Remedy: c.texts.Say(k.lang, f.Remedy.Text, f.Remedy.Args...),
		})
	}
	return list, nil
}
