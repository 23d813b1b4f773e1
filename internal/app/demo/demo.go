// Package demo runs Siegel's main job from end to end on real mail: it makes a
// data directory and a tenant, delivers messages through the server's own door,
// finds every one of them again, proves them, and lets the separate verifier
// check the proofs. It is part of app.
package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/app/place"
	"siegel/internal/identity"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/run"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Options say what to run with.
type Options struct {
	Dir      string
	Messages string    // folder of messages; empty: the corpus of the checkout
	Once     bool      // end after the walk-through
	JSON     bool      // one line of JSON after the walk-through, nothing else on Out
	Verifier string    // path of siegel-verify
	Out      io.Writer // a terminal where it has a Stat that says so
	Say      func(sentence string, args ...any) string
	Lang     text.Lang
	Log      *slog.Logger
	// Extractor is the command that reads documents: [app.ExtractCommand].
	Extractor []string
}

// domain is the tenant's.
const domain = "demo.example"

// cast is who plays in the demo.
func cast() []person {
	return []person{
		{Email: "admin@" + domain, Role: identity.Administrator},
		{Email: "keeper@" + domain, Role: identity.Keeper},
		{Email: "auditor@" + domain, Role: identity.Auditor},
		{Email: "reader@" + domain, Role: identity.Reader},
	}
}

type person struct {
	Email        string        `json:"email"`
	PasswordFile string        `json:"password_file"`
	Role         identity.Role `json:"role"`
}

// Summary is the line of JSON.
type Summary struct {
	DataDir  string   `json:"data_dir"`
	LMTP     string   `json:"lmtp"`
	Socket   string   `json:"lmtp_socket"`
	Web      string   `json:"web"`
	Tenant   string   `json:"tenant"`
	People   []person `json:"people"`
	Found    int      `json:"found"`    // messages in the folder
	Archived int      `json:"archived"` // accepted, in this run or an earlier one
	Refused  int      `json:"refused"`
	Entries  int      `json:"entries"`  // different messages among them; equal ones to equal people are counted, not kept twice
	Searched int      `json:"searched"` // found again by search with equal SHA-256
	Verified int      `json:"verified"` // accepted by siegel-verify
	Bundle   string   `json:"bundle"`
	Key      string   `json:"ledger_key"`
	Roots    string   `json:"tsa_roots"`
}

// demo is one run.
type demo struct {
	Options
	app    *app.App
	server *app.Server
	sum    Summary
	word   string // in the subject of a message to the reader
}

// Run runs the demo until ctx is done, or with Once until the walk-through has
// ended. It returns an error where a step did not hold, and that of ctx where that was
// done before every step was taken.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{Options: o}
	list, err := d.prepare()
	if err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.app.Close()) }()
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run.All(serving, run.Service{Name: "server", Run: d.server.Run}) }()
	err = d.walk(ctx, list)
	walked := err == nil
	if walked && !o.Once {
		d.plain("")
		d.tell("Siegel is running. End it with Ctrl-C; started again it goes on where it was.")
		select {
		case <-ctx.Done():
		case crash := <-ended:
			ended <- crash
		}
	}
	stop()
	err = errors.Join(err, <-ended)
	switch {
	case ctx.Err() != nil && !walked:
		err = ctx.Err() // it was interrupted: not every step held
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = nil
	}
	d.tell("Stopped cleanly.")
	return err
}

// tell prints a sentence for people.
func (d *demo) tell(sentence string, args ...any) {
	if d.JSON {
		return
	}
	_, _ = fmt.Fprintln(d.Out, d.Say(sentence, args...)) // a closed terminal stops nothing
}

// plain prints what is the same in every language.
func (d *demo) plain(format string, args ...any) {
	if !d.JSON {
		_, _ = fmt.Fprintf(d.Out, format+"\n", args...) // a closed terminal stops nothing
	}
}

// prepare finds out whether the demo can run, and with what, before it touches
// anything: it founds a tenant and delivers only where it made the data directory
// itself.
func (d *demo) prepare() (_ []*message, err error) {
	if d.Dir, err = filepath.Abs(d.Dir); err != nil {
		return nil, err
	}
	if !place.Fresh(d.Dir) {
		i, err := app.ReadInstance(d.Dir)
		if err != nil {
			return nil, err
		}
		if i.Environment != config.Test || !place.Demo(d.Dir) {
			return nil, fault.Newf(fault.Denied, "the demo did not make %s and leaves it alone; name an empty or missing directory with --data", d.Dir)
		}
	}
	list, err := d.messages()
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return list, nil
}

// open makes the data directory where it is missing and opens the doors.
func (d *demo) open(ctx context.Context) (err error) {
	if place.Fresh(d.Dir) {
		d.tell("Making a data directory for a test environment in %s", d.Dir)
		err := app.Init(app.InitOptions{Dir: d.Dir, Name: "siegel.demo.example", Environment: config.Test, Now: time.Now, Demo: true})
		if err != nil {
			return err
		}
	}
	d.app, err = app.Open(ctx, app.Options{Dir: d.Dir, Log: d.Log, Now: time.Now, Extractor: d.Extractor, Change: func(c *config.Config) {
		c.LMTP.Listen = []string{"127.0.0.1:0"}
		c.Web.Listen = "127.0.0.1:0"
	}})
	if err != nil {
		return err
	}
	if d.server, err = app.NewServer(ctx, d.app); err != nil {
		return errors.Join(err, d.app.Close())
	}
	for _, a := range d.server.Addrs() {
		if a.Network() == "tcp" {
			d.sum.LMTP = a.String()
		} else {
			d.sum.Socket = a.String()
		}
	}
	d.sum.DataDir, d.sum.Tenant, d.sum.Web = d.Dir, "demo", "http://"+d.server.WebAddr().String()
	return nil
}

// walk is the walk-through.
func (d *demo) walk(ctx context.Context, messages []*message) error {
	if err := durable.Mkdir(d.path(""), 0o700); err != nil {
		return err
	}
	if err := d.people(ctx); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	d.sum.Found = len(messages)
	fresh := slices.ContainsFunc(messages, func(m *message) bool { return m.id == "" })
	if err := d.deliver(ctx, messages); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	different := make(map[string]bool)
	for _, m := range messages {
		different[m.id] = m.id != ""
	}
	d.sum.Entries = len(different)
	if fresh && len(different) < d.sum.Archived {
		d.tell("%d of them came twice, the same octets from the same sender to the same person: counted, kept once", d.sum.Archived-len(different))
	}
	keeper, err := d.session(ctx, identity.Keeper)
	if err != nil {
		return err
	}
	defer keeper.Close()
	if err := d.search(ctx, keeper, messages); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	if err := d.show(ctx, keeper, messages); err != nil {
		return fmt.Errorf("show: %w", err)
	}
	if err := d.prove(ctx, keeper, messages); err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	verdict := d.judge()
	if verdict == nil {
		d.tell("Everything held: %d {message was|messages were} archived, found again as {it was|they were} sent, and proven to siegel-verify", d.sum.Entries)
	}
	return errors.Join(d.report(ctx, keeper), verdict)
}

// judge fails where not every step held.
func (d *demo) judge() error {
	s := d.sum
	if s.Archived == s.Found && s.Refused == 0 && s.Searched == s.Found && s.Verified == s.Found && s.Found > 0 {
		return nil
	}
	return fault.Newf(fault.Damaged, "not every step held: of %d {message|messages} %d archived, %d refused, %d found again, %d verified",
		s.Found, s.Archived, s.Refused, s.Searched, s.Verified)
}

// path is where the demo keeps a file of its own.
func (d *demo) path(name string) string { return filepath.Join(d.Dir, "demo", name) }

// people founds the tenant, once, and lets everybody set a password.
func (d *demo) people(ctx context.Context) error {
	for _, p := range cast() {
		p.PasswordFile = d.path(string(p.Role) + ".password")
		d.sum.People = append(d.sum.People, p)
	}
	if _, err := d.app.Identity.Named(ctx, d.sum.Tenant); err == nil {
		d.tell("The tenant %s is there already", d.sum.Tenant)
		return d.acceptAll(ctx)
	} else if fault.Of(err) != fault.NotFound {
		return err
	}
	d.tell("Founding the tenant %s: administrator, keeper, auditor, reader, recovery kit", d.sum.Tenant)
	kit, err := d.app.Identity.NewKit(ctx)
	if err != nil {
		return err
	}
	var words []string
	for _, at := range kit.WordsAsked {
		words = append(words, kit.Words[at-1])
	}
	// The kit lies on the disk before anything is sealed to it.
	if err := durable.WriteFile(d.path("recovery.age"), kit.File, 0o400); err != nil {
		return err
	}
	if err := durable.WriteFile(d.path("recovery.words"), []byte(join(kit.Words)+"\n"), 0o400); err != nil {
		return err
	}
	f := identity.Founding{Name: d.sum.Tenant, Domains: []mail.Domain{domain}, Kit: kit.ID, Words: words}
	for _, p := range cast() {
		a := []mail.Address{mail.Address(p.Email)}
		switch p.Role {
		case identity.Administrator:
			f.Administrators = a
		case identity.Keeper:
			f.Keepers = a
		case identity.Auditor:
			f.Auditors = a
		case identity.Reader:
			f.Readers = a
		}
	}
	founded, err := d.app.Identity.Found(ctx, f)
	if err != nil {
		return err
	}
	b, err := json.Marshal(founded.Invitations)
	if err != nil {
		return err
	}
	// Whoever stops the demo here finds the invitations again.
	if err := durable.WriteFile(d.path("invitations.json"), b, 0o400); err != nil {
		return err
	}
	return d.acceptAll(ctx)
}

// acceptAll sets a random password for everybody who has none yet.
func (d *demo) acceptAll(ctx context.Context) error {
	b, err := os.ReadFile(d.path("invitations.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // everybody has a password
	}
	if err != nil {
		return err
	}
	var list []identity.Invitation
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, inv := range list {
		file := d.path(string(inv.Role) + ".password")
		password, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			password = []byte("Demo-1-" + mail.NewID().String())
			err = durable.WriteFile(file, append(password, '\n'), 0o600)
		}
		if err != nil {
			return err
		}
		password = bytes.TrimSpace(password)
		err = d.app.Identity.Accept(ctx, d.sum.Tenant, inv.Email, inv.Code, password)
		if err != nil && fault.Of(err) != fault.Denied { // taken in an earlier run
			return err
		}
	}
	return os.Remove(d.path("invitations.json"))
}

// session signs in as one of the cast.
func (d *demo) session(ctx context.Context, role identity.Role) (*identity.Session, error) {
	for _, p := range d.sum.People {
		if p.Role == role {
			b, err := os.ReadFile(p.PasswordFile)
			if err != nil {
				return nil, err
			}
			return d.app.Identity.SignIn(ctx, d.sum.Tenant, mail.Address(p.Email), bytes.TrimSpace(b))
		}
	}
	return nil, fault.New(fault.NotFound, "there is no such person")
}

// report prints what one can do now.
func (d *demo) report(ctx context.Context, _ *identity.Session) error {
	if d.JSON {
		b, err := json.Marshal(d.sum)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(d.Out, string(b))
		return err
	}
	d.plain("")
	d.tell("Where everything is")
	if !d.Once { // nobody listens there any more
		d.tell("  in a browser:     %s", d.sum.Web)
		d.tell("  mail (LMTP):      %s and %s", d.sum.LMTP, d.sum.Socket)
	}
	d.tell("  data directory:   %s", d.Dir)
	d.tell("Sign-ins (the passwords are in the files)")
	for _, p := range d.sum.People {
		d.plain("  %-14s %-22s %s", d.Say(string(p.Role)), p.Email, p.PasswordFile)
	}
	return d.ideas(ctx)
}

// ideas prints five things to try.
func (d *demo) ideas(context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	keeper := fmt.Sprintf("%s --data %s", rel(exe), rel(d.Dir))
	as := func(role identity.Role) string {
		for _, p := range d.sum.People {
			if p.Role == role {
				return fmt.Sprintf("--as %s --password-file %s", p.Email, rel(p.PasswordFile))
			}
		}
		return ""
	}
	word := cmp.Or(d.word, "linux") // where nothing is known it finds nothing
	d.plain("")
	if d.Once {
		d.tell("Five things to try")
	} else {
		d.tell("Five things to try, in another window")
	}
	d.tell("  1. Search as the keeper, who reads everything:")
	d.plain("     %s search %s subject:%s", keeper, as(identity.Keeper), word)
	d.tell("  2. Search as the reader, who finds her own mail only:")
	d.plain("     %s search %s %s", keeper, as(identity.Reader), word)
	d.tell("  3. Search as the administrator, who manages and reads nothing (it is refused):")
	d.plain("     %s search %s %s", keeper, as(identity.Administrator), word)
	d.tell("  4. Check a proof bundle on any machine, without this server:")
	d.plain("     %s %s --ledger-key %s --tsa-roots %s", rel(d.Verifier), rel(d.sum.Bundle), rel(d.sum.Key), rel(d.sum.Roots))
	d.tell("  5. See who did what, and check the whole ledger:")
	d.plain("     %s audit %s", keeper, as(identity.Keeper))
	d.plain("     %s ledger verify", keeper)
	return nil
}

// rel shortens a path for printing where it lies below the working directory.
func rel(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if r, err := filepath.Rel(wd, path); err == nil && len(r) < len(path) && r[0] != '.' {
		return r
	}
	return path
}
