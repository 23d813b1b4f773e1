package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"siegel/internal/app/config"
	"siegel/internal/app/place"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/ledger/stamping"
)

// States of a check.
const (
	fine = "ok"
	warn = "warn"
	bad  = "bad"
)

// Sentence is a text for users that waits for its language.
type Sentence = console.Sentence

// say makes a sentence.
func say(sentence string, args ...any) Sentence { return Sentence{Text: sentence, Args: args} }

// check makes a finding.
func check(name, state string, what, remedy Sentence) console.Finding {
	return console.Finding{Name: name, State: state, What: what, Remedy: remedy}
}

// Doctor implements [console.Evidence].
func (a *App) Doctor(ctx context.Context) []console.Finding {
	list := []console.Finding{
		a.checkModes(), a.checkSpace(), a.checkGrowth(ctx), a.checkClock(ctx), a.checkSigning(ctx), a.checkStamps(ctx), checkSwap(), checkLimits(),
	}
	list = slices.Concat(list, a.checkDatabase(ctx), a.checkTenants(ctx), a.checkAccess(ctx), a.checkSources(ctx))
	if a.Instance.Environment == config.Test {
		list = append(list, check("environment", warn, say("this is a test environment: its certificate and timestamps prove nothing"),
			say("for production begin with siegel init --environment production")))
	}
	return list
}

func (a *App) checkModes() console.Finding {
	names := []string{".", place.FileMaster, place.FileLedgerKey}
	if a.Node == nil {
		names = append(names, place.FileControl)
	}
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

// Free space below which the doctor warns and complains, in octets.
const (
	lowSpace  = 10 << 30
	tinySpace = 1 << 30
)

func (a *App) checkSpace() console.Finding {
	var s unix.Statfs_t
	if err := unix.Statfs(a.Dir, &s); err != nil {
		return check("files", bad, say("the disk cannot be asked for its space"), say("check the file system"))
	}
	free := int64(s.Bavail) * s.Bsize
	state, remedy := fine, Sentence{}
	switch {
	case free < tinySpace:
		state, remedy = bad, say("free space now: a full disk means that mail waits with its senders")
	case free < lowSpace:
		state, remedy = warn, say("plan for more space")
	}
	return check("disk", state, say("%.1f GiB are free", float64(free)/(1<<30)), remedy)
}

// unknown is a finding about something that could not be asked: it says nothing of
// what was to be looked at.
func unknown(name string) console.Finding {
	return check(name, warn, say("not known: the database or the object store does not answer"), say("see the row about the database, and ask again"))
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

func checkSwap() console.Finding {
	b, err := os.ReadFile("/proc/swaps")
	if err == nil && strings.Count(string(b), "\n") > 1 {
		return check("swap", warn, say("swap is on: memory with mail that passes could reach the disk"), say("switch swap off, or encrypt it"))
	}
	return check("swap", fine, say("swap is off"), Sentence{})
}

// wantLocked is how much locked memory a full house of sessions takes, in
// octets.
const wantLocked = 1 << 20

func checkLimits() console.Finding {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil || l.Cur < wantLocked {
		return check("memory", warn, say("only %s of memory may be locked for keys", fmt.Sprintf("%d KiB", l.Cur>>10)), say("raise the limit memlock to 1 MiB at least"))
	}
	return check("memory", fine, say("keys lie in locked memory"), Sentence{})
}
