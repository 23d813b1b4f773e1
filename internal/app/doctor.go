package app

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"siegel/internal/app/checkup"
	"siegel/internal/app/config"
	"siegel/internal/app/kept"
	"siegel/internal/app/place"
	"siegel/internal/front/console"
	"siegel/internal/index/extract"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/node"
)

// States of a check.
const (
	fine = checkup.Fine
	warn = checkup.Warn
	bad  = checkup.Bad
)

// Sentence is a text for users that waits for its language.
type Sentence = console.Sentence

// say makes a sentence.
func say(sentence string, args ...any) Sentence { return checkup.Say(sentence, args...) }

// check makes a finding.
func check(name, state string, what, remedy Sentence) console.Finding {
	return checkup.Check(name, state, what, remedy)
}

// unknown is a finding about something that could not be asked.
func unknown(name string) console.Finding { return checkup.Unknown(name) }

// Doctor implements [console.Evidence].
func (a *App) Doctor(ctx context.Context) []console.Finding {
	file := ConfigFile(a.Dir, a.ConfigFile)
	server := checkup.Stopped(a.Dir, a.Node != nil)
	if a.serves.Load() {
		server = checkup.Runs(a.opened, a.Version)
	}
	list := append([]console.Finding{server}, checkup.Configuration(file, CheckConfig(a.Dir, file))...)
	names := []string{".", place.FileMaster, place.FileLedgerKey}
	if a.Node == nil {
		names = append(names, place.FileControl)
	}
	list = append(list, a.checkModes(names), checkup.Disk(a.Dir), a.checkGrowth(ctx), a.checkClock(ctx), a.checkSigning(ctx), a.checkStamps(ctx), checkup.Swap(), checkup.Memory())
	list = append(list, a.checkAttachments(ctx)...)
	list = slices.Concat(list, a.checkObjects(ctx), a.checkDatabase(ctx), a.checkNodes(ctx), a.checkTenants(ctx), a.checkAccess(ctx), a.checkDoors(ctx), a.checkSources(ctx), a.checkPacks(ctx))
	return append(list, a.checkEnvironment()...)
}

// DoctorShut is what the doctor finds without the archive, where err, which [Open] has
// returned, says that the configuration has problems. It returns nothing for every other
// error.
func DoctorShut(ctx context.Context, o Options, err error) []console.Finding {
	if !checkup.HasProblems(err) {
		return nil
	}
	a := &App{Options: o}
	var failed error
	if a.Instance, failed = ReadInstance(o.Dir); failed != nil {
		return nil
	}
	names := []string{".", place.FileMaster, place.FileLedgerKey}
	if _, err := os.Stat(a.path(place.FileControl)); err == nil { // nodes have none
		names = append(names, place.FileControl)
	}
	list := append([]console.Finding{checkup.Stopped(o.Dir, false)}, checkup.Configuration(ConfigFile(o.Dir, o.ConfigFile), err)...)
	list = append(list, a.checkModes(names), checkup.Disk(a.Dir), checkup.Swap(), checkup.Memory())
	list = append(list, a.checkAttachments(ctx)...)
	return append(append(list, a.checkEnvironment()...), checkup.Skipped())
}

func (a *App) checkEnvironment() []console.Finding {
	if a.Instance.Environment != config.Test {
		return nil
	}
	return []console.Finding{check("environment", warn, say("this is a test environment: its certificate and timestamps prove nothing"),
		say("for production begin with siegel init --environment production"))}
}

func (a *App) checkModes(names []string) console.Finding {
	for _, name := range names {
		info, err := os.Stat(a.path(name))
		if err != nil {
			return check("files", bad, say("%s cannot be read", a.path(name)), say("restore it from a backup"))
		}
		if info.Mode().Perm()&0o077 != 0 {
			return check("files", bad, say("others can read %s (mode %04o)", a.path(name), info.Mode().Perm()), say("take their rights away with chmod go-rwx"))
		}
	}
	return check("files", fine, say("keys and database are readable for the server's account only"), Sentence{})
}

func (a *App) checkClock(ctx context.Context) console.Finding {
	if err := a.Evidence.Checkpointer.CheckClock(ctx); fault.Of(err) == fault.Busy {
		return unknown("clock")
	} else if err != nil {
		sentence, args := fault.Sentence(err)
		return check("clock", bad, say(sentence, args...), say("set the clock and synchronise it"))
	}
	return check("clock", fine, say("the clock is not before the newest checkpoint"), Sentence{})
}

func (a *App) checkSigning(ctx context.Context) console.Finding {
	damaged, err := a.Evidence.Checkpointer.Check(ctx)
	if fault.Of(err) == fault.Busy {
		return unknown("ledger")
	}
	if err != nil {
		return check("ledger", bad, say("a log does not extend what was signed of it: %v", err),
			say("stop, keep a copy of everything, and run siegel ledger verify"))
	}
	if len(damaged) > 0 {
		return check("ledger", bad, say("the logs of %d tenants are damaged", len(damaged)), say("run siegel ledger verify"))
	}
	s, err := stamping.Read(ctx, a.DB.Instance())
	switch {
	case err != nil:
		return check("ledger", bad, say("the ledger cannot be read"), say("run siegel ledger verify"))
	case s.Signed.IsZero():
		return check("ledger", fine, say("nothing has been signed yet"), Sentence{})
	default:
		return check("ledger", fine, say("every log extends its last checkpoint; the newest is of %s", s.Signed.Format(time.RFC3339)), Sentence{})
	}
}

// checkAttachments starts the process that reads attachments, where this program can be
// one.
func (a *App) checkAttachments(ctx context.Context) []console.Finding {
	if len(a.Extractor) == 0 {
		return nil
	}
	r := extract.New(extract.Config{Command: a.Extractor})
	able, err := r.Able(ctx)
	return []console.Finding{checkup.Attachments(able, errors.Join(err, r.Close()))}
}

// checkTenants complains of tenants that are shut, or would be at the next start.
func (a *App) checkTenants(ctx context.Context) (list []console.Finding) {
	damaged, err := a.Damaged(ctx)
	if err != nil {
		return nil // checkSigning says it
	}
	tenants, err := a.Identity.Tenants(ctx)
	if fault.Of(err) == fault.Busy {
		return nil // checkSigning says it
	}
	if err != nil {
		return []console.Finding{check("tenants", bad, say("the tenants cannot be read"), say("run siegel ledger verify"))}
	}
	for _, t := range tenants {
		if err := damaged[t.ID]; err != nil {
			list = append(list, check("tenants", bad, say("the ledger of tenant %s is damaged: %v", t.Name, err),
				say("run siegel ledger verify, put the database back from a copy and start the server again; its mail waits with the senders")))
		}
	}
	return list
}

// stampGap is how old the oldest checkpoint without a timestamp may be.
const stampGap = time.Hour

func (a *App) checkStamps(ctx context.Context) console.Finding {
	if a.Evidence.Stamper == nil {
		return check("timestamps", warn, say("no timestamp authority is configured: nothing can be proven to strangers"), say("set timestamps.url and timestamps.roots"))
	}
	s, err := stamping.Read(ctx, a.DB.Instance())
	switch {
	case fault.Of(err) == fault.Busy:
		return unknown("timestamps")
	case err != nil:
		return check("timestamps", bad, say("the ledger cannot be read"), say("run siegel ledger verify"))
	case s.Waiting > 0 && a.Now().Sub(s.Since) > stampGap:
		return check("timestamps", bad, say("%d {checkpoint waits|checkpoints wait} for a timestamp since %s", s.Waiting, s.Since.Format(time.RFC3339)),
			say("see why the authority does not answer; mail is accepted meanwhile"))
	case s.Waiting > 0:
		return check("timestamps", fine, say("%d {checkpoint waits|checkpoints wait} for a timestamp since %s", s.Waiting, s.Since.Format(time.RFC3339)), Sentence{})
	case s.Stamped.IsZero():
		return check("timestamps", fine, say("nothing has been stamped yet"), Sentence{})
	default:
		return check("timestamps", fine, say("the newest timestamp is of %s", s.Stamped.Format(time.RFC3339)), Sentence{})
	}
}

// checkObjects looks whether the bucket answers.
func (a *App) checkObjects(ctx context.Context) []console.Finding {
	c := a.Config.Objects.S3
	if c.Endpoint == "" {
		return nil
	}
	return []console.Finding{checkup.Objects(c.Endpoint, kept.Reach(ctx, c, a.Store))}
}

// checkNodes looks for nodes that were killed, or answer nobody.
func (a *App) checkNodes(ctx context.Context) []console.Finding {
	if a.Node == nil {
		return nil
	}
	list, err := a.Nodes(ctx)
	if err != nil {
		return []console.Finding{unknown("nodes")}
	}
	return checkup.Nodes(list, node.Gone, node.Idle)
}

// checkDoors looks for sources that find the journal door shut, or hand in something
// else than they are registered for.
func (a *App) checkDoors(ctx context.Context) (list []console.Finding) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil // checkTenants says it
	}
	j := a.Config.Journal
	for _, t := range tenants {
		sources, err := a.Identity.Sources().All(ctx, a.DB.Tenant(t.ID))
		if err != nil {
			continue // checkSources says it
		}
		list = append(list, checkup.Doors(len(j.Listen)+len(j.ListenTLS) > 0, t.Name, len(sources))...)
		if states, err := a.Tally.Of(ctx, t.ID); err == nil {
			list = append(list, checkup.Forms(t.Name, sources, states)...)
		}
	}
	return list
}

// Bounds of the look at packs: how many of the newest, and as many others, of each
// tenant, and for how long in all.
const (
	somePacks = 20
	packsTime = 20 * time.Second
)

// checkPacks looks whether some packs of each tenant are in the object store.
func (a *App) checkPacks(ctx context.Context) (list []console.Finding) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil // checkTenants says it
	}
	short, cancel := context.WithTimeout(ctx, packsTime)
	defer cancel()
	for _, t := range tenants {
		s, err := a.Archive.Sample(short, a.DB.Tenant(t.ID), somePacks)
		if s.Looked > 0 {
			list = append(list, checkup.Packs(t.Name, s))
		}
		if err != nil {
			return append(list, unknown("packs"))
		}
	}
	return list
}
