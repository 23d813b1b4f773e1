// Package checkup is what the doctor finds beside the ledger: on the machine, of the
// server that runs or does not, its configuration and doors, its nodes and its packs.
// It is part of app, which looks and hands over what it saw.
package checkup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"siegel/internal/app/settings"
	"siegel/internal/archive"
	"siegel/internal/flow/tally"
	"siegel/internal/front/console"
	"siegel/internal/identity/source"
	"siegel/internal/index/extract"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// States of a finding.
const (
	Fine = "ok"
	Warn = "warn"
	Bad  = "bad"
)

// Say makes a sentence.
func Say(sentence string, args ...any) console.Sentence {
	return console.Sentence{Text: sentence, Args: args}
}

// Check makes a finding.
func Check(name, state string, what, remedy console.Sentence) console.Finding {
	return console.Finding{Name: name, State: state, What: what, Remedy: remedy}
}

// Unknown is a finding about something that could not be asked: it says nothing of
// what was to be looked at.
func Unknown(name string) console.Finding {
	return Check(name, Warn, Say("not known: the database or the object store does not answer"), Say("see the row about the database, and ask again"))
}

// Free space below which the doctor warns and complains, in octets.
const (
	lowSpace  = 10 << 30
	tinySpace = 1 << 30
)

// Disk looks at the free space where a directory lies.
func Disk(dir string) console.Finding {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Check("files", Bad, Say("the disk cannot be asked for its space"), Say("check the file system"))
	}
	free := int64(s.Bavail) * s.Bsize
	state, remedy := Fine, console.Sentence{}
	switch {
	case free < tinySpace:
		state, remedy = Bad, Say("free space now: a full disk means that mail waits with its senders")
	case free < lowSpace:
		state, remedy = Warn, Say("plan for more space")
	}
	return Check("disk", state, Say("%.1f GiB are free", float64(free)/(1<<30)), remedy)
}

// Days before the disk is full from which the doctor warns and complains.
const (
	fewDays   = 30
	tinyDays  = 7
	aLongTime = 3650
)

// Growth says when the disk will be full, where there is something to judge from.
func Growth(s console.Space) console.Finding {
	const name = "disk"
	none := console.Sentence{}
	switch {
	case s.Store:
		return Check(name, Fine, Say("the objects lie in a bucket: how much it takes, its store decides"), none)
	case s.Empty:
		return Check(name, Fine, Say("nothing has arrived yet: how long the disk lasts cannot be told"), none)
	case s.Young:
		return Check(name, Fine, Say("less than a day of mail was counted: how long the disk lasts cannot be told yet"), none)
	case s.Days == nil:
		return Check(name, Fine, Say("nothing arrived in the last 7 days: how long the disk lasts cannot be told"), none)
	case *s.Days > aLongTime:
		return Check(name, Fine, Say("at the rate of the last 7 days the disk lasts for years"), none)
	case *s.Days < tinyDays:
		return Check(name, Bad, Say("at the rate of the last 7 days the disk is full in %d {day|days}", *s.Days), Say("make room: a full disk means that mail waits with its senders"))
	case *s.Days < fewDays:
		return Check(name, Warn, Say("at the rate of the last 7 days the disk is full in %d {day|days}", *s.Days), Say("plan for more space"))
	default:
		return Check(name, Fine, Say("at the rate of the last 7 days the disk is full in %d {day|days}", *s.Days), none)
	}
}

// Swap looks whether memory could reach the disk.
func Swap() console.Finding {
	b, err := os.ReadFile("/proc/swaps")
	if err == nil && strings.Count(string(b), "\n") > 1 {
		return Check("swap", Warn, Say("swap is on: memory with mail that passes could reach the disk"), Say("switch swap off, or encrypt it"))
	}
	return Check("swap", Fine, Say("swap is off"), console.Sentence{})
}

// wantLocked is how much locked memory a full house of sessions takes, in
// octets.
const wantLocked = 1 << 20

// Memory looks at how much memory may be locked.
func Memory() console.Finding {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil || l.Cur < wantLocked {
		return Check("memory", Warn, Say("only %s of memory may be locked for keys", fmt.Sprintf("%d KiB", l.Cur>>10)), Say("raise the limit memlock to 1 MiB at least"))
	}
	return Check("memory", Fine, Say("keys lie in locked memory"), console.Sentence{})
}

// Attachments says what the process is able to do that reads attachments; err is why it
// could not be started.
func Attachments(able extract.Able, err error) console.Finding {
	const name = "attachments"
	switch {
	case err != nil:
		return Check(name, Warn, Say("the process that reads attachments cannot be started: their text waits, and searches do not find it"),
			Say("see whether the server may execute its own program, and the bounds of its processes"))
	case !able.PDF:
		return Check(name, Warn, Say("pdftotext is missing: the text of PDF attachments waits, and searches do not find it"),
			Say("install poppler-utils; what waits is read then"))
	case !able.Offline || !able.Blind:
		return Check(name, Warn, Say("this system takes not all of network and files from the process that reads attachments"),
			Say("use Linux 6.2 or newer with Landlock, and let the server use it"))
	default:
		return Check(name, Fine, Say("attachments are read, PDF too, in a process without network and files"), console.Sentence{})
	}
}

// Runs says since when a server runs on the data directory.
func Runs(since time.Time, version string) console.Finding {
	if version == "" {
		return Check("server", Fine, Say("a server runs since %s", since.Format(time.RFC3339)), console.Sentence{})
	}
	return Check("server", Fine, Say("a server runs since %s (%s)", since.Format(time.RFC3339), version), console.Sentence{})
}

// Stopped says that no server runs on the data directory dir. That harms nothing that is
// kept, so it is a warning. one says whether it would be one of several, which may run.
func Stopped(dir string, one bool) console.Finding {
	what := Say("no server runs on this data directory: no mail is taken")
	if one {
		what = Say("no server runs on this data directory: this node takes no mail; the rows about nodes say whether others do")
	}
	return Check("server", Warn, what, Say("start it with systemctl start siegel, or with siegel serve --data %s", dir))
}

// Configuration says what became of checking a configuration file as it is now,
// which the next start reads.
func Configuration(file string, err error) []console.Finding {
	const name = "configuration"
	if err == nil {
		return []console.Finding{Check(name, Fine, Say("%s has no problems", file), console.Sentence{})}
	}
	list := problems(err)
	fields := make([]string, len(list))
	for i, p := range list {
		fields[i] = p.Field
	}
	out := []console.Finding{Check(name, Bad, Say("%s has problems, and the next start would fail: %s", file, strings.Join(fields, ", ")),
		Say("mend them, see with siegel config check whether that was all, and start the server again"))}
	for _, p := range list[:min(len(list), maxProblems)] {
		out = append(out, Check(name, Bad, Say("%s: %s", p.Field, p.What), p.Remedy))
	}
	return out
}

// maxProblems is how many problems of a configuration are told one by one.
const maxProblems = 20

// problems returns the problems that an error joins.
func problems(err error) (list []settings.Problem) {
	if p, ok := err.(settings.Problem); ok { //nolint:errorlint // what is wrapped comes below, one by one
		return []settings.Problem{p}
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			list = append(list, problems(one)...)
		}
	case interface{ Unwrap() error }:
		list = problems(errors.Unwrap(err))
	}
	return list
}

// HasProblems reports whether an error is one of a configuration.
func HasProblems(err error) bool { return len(problems(err)) > 0 }

// Skipped says what was not looked at, because the configuration has problems.
func Skipped() console.Finding {
	return Check("skipped", Warn, Say("clock, ledger, timestamps, objects, database, nodes, tenants, access, doors, sources and packs were not looked at: the archive opens only with a configuration without problems"),
		Say("mend the configuration, and ask again"))
}

// Doors complains where mail servers are registered for a door that is shut. open
// says whether the journal door is to be open; sources is how many are registered
// with a tenant.
func Doors(open bool, tenant string, sources int) []console.Finding {
	if open || sources == 0 {
		return nil
	}
	return []console.Finding{Check("doors", Warn, Say("tenant %s has %d registered {source|sources}, and the journal door is shut: what they send is not taken", tenant, sources),
		Say("set journal.listen or journal.listen_tls, and start the server again (docs/journal.md)"))}
}

// Forms finds sources that are registered for journal reports and hand in messages as
// they are: their envelopes are lost.
func Forms(tenant string, sources []source.Listed, states []tally.State) (out []console.Finding) {
	for _, one := range sources {
		i := slices.IndexFunc(states, func(s tally.State) bool { return s.Source == one.ID.String() })
		if one.Form != mail.Reports || i < 0 {
			continue
		}
		if n := states[i].Week.Plain(); n > 0 {
			out = append(out, Check("sources", Warn, Say("in 7 days %d {message|messages} of the source %s (tenant %s) {was|were} no journal {report|reports}", n, one.Name, tenant),
				Say("for plain copies remove it and register it again with --form copies (docs/journal.md)")))
		}
	}
	return out
}

// Nodes says which nodes run, and which are silent. gone and idle are the states of
// a node that did not say goodbye and of one that answers nobody.
func Nodes(list []console.Node, gone, idle string) (out []console.Finding) {
	run := 0
	for _, n := range list {
		switch n.State {
		case gone:
			out = append(out, Check("nodes", Warn, Say("the node %s said nothing since %s and did not say goodbye: it was killed, or does not reach the database", n.Name, n.Seen.Format(time.RFC3339)),
				Say("see whether it is to run, and start it there; a node that is gone for good is listed for a week")))
		case idle:
			out = append(out, Check("nodes", Warn, Say("the node %s runs and answers nobody", n.Name), Say("run siegel doctor there")))
			run++
		default:
			run++
		}
	}
	return append([]console.Finding{Check("nodes", Fine, Say("%d {node runs|nodes run}", run), console.Sentence{})}, out...)
}

// Objects says whether an object store answers: err is what it said.
func Objects(endpoint string, err error) console.Finding {
	if err == nil {
		return Check("objects", Fine, Say("the object store %s answers", endpoint), console.Sentence{})
	}
	sentence, args := fault.Sentence(err)
	return Check("objects", Bad, Say(sentence, args...), Say("mend that; mail waits with its senders until then"))
}

// Packs says whether the packs of a tenant that were looked for are there.
func Packs(tenant string, s archive.Sample) console.Finding {
	if len(s.Missing) == 0 {
		return Check("packs", Fine, Say("of tenant %s %d {pack was|packs were} looked for, the newest and some of the others: all are there", tenant, s.Looked), console.Sentence{})
	}
	return Check("packs", Bad, Say("of tenant %s %d packs were looked for, and %d {is|are} missing or too short, for example %s", tenant, s.Looked, len(s.Missing), s.Missing[0]),
		Say("run siegel ledger verify, which names the messages, and put the packs back from a copy"))
}
