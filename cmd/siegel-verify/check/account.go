package check

import (
	"slices"
	"time"

	"siegel/internal/proto/bundle"
)

// Account is a report told to a judge, not an engineer: one verdict, each step
// as a sentence with what it means, and what the verdict does not say.
type Account struct {
	Verdict bundle.Verdict `json:"verdict"`
	Word    Both           `json:"word"`
	Said    []Both         `json:"said"` // the verdict, a sentence each
	Steps   []Step         `json:"steps"`
	Open    []Both         `json:"open"` // what was not checked, and what the verdict does not say
}

// Unreached is the outcome of a step that was not, or not wholly, taken because
// another one failed.
const Unreached bundle.Outcome = "unreached"

// Step is one step of a verification: what several checks of a report found.
type Step struct {
	Name    string         `json:"name"` // a word for scripts
	Outcome bundle.Outcome `json:"outcome"`
	Title   Both           `json:"title"`
	Meaning Both           `json:"meaning"`
	Lines   []bundle.Line  `json:"lines"` // the checks, as engineers read them
}

// telling says of one step which checks it has and how each end of it is told.
// What a table leaves out cannot happen.
type telling struct {
	name     string
	checks   []string // that lead to it
	optional []string // lines that come in some cases only, and belong to it
	ok       func(f *bundle.Facts) (title, meaning Both)
	note     func(f *bundle.Facts) (title, meaning Both)
	warning  func(f *bundle.Facts) (title, meaning Both)
	failed   func(f *bundle.Facts) (title, meaning Both)
	pending  Both // title where it was not reached
}

// Tell tells a report.
func Tell(r *bundle.Report) *Account {
	a := &Account{Verdict: r.Verdict}
	if r.Foreign {
		return foreign(a, r)
	}
	for _, t := range tellings() {
		a.Steps = append(a.Steps, t.step(r))
	}
	a.Word, a.Said = verdict(r, a.Steps)
	a.Open = open(r)
	return a
}

// foreign tells of a file that is no bundle: nothing else could be looked at, so no other step
// is named, and it is said what a bundle looks like.
func foreign(a *Account, r *bundle.Report) *Account {
	s := fileStep().step(r)
	s.Title, s.Meaning = both("This file is no proof bundle.", "Diese Datei ist kein Beweispaket."), wanted()
	if len(r.Lines) > 0 { // it says what the file is not
		s.Title = Both{r.Lines[0].EN + ".", r.Lines[0].DE + "."}
	}
	a.Steps = []Step{s}
	a.Word, a.Said = both("No proof bundle", "Kein Beweispaket"), []Both{s.Title, s.Meaning}
	a.Open = []Both{both("That a message was changed, or is not genuine: nothing was checked about any message.", "Dass ein Schreiben verändert oder nicht echt wäre: über ein Schreiben wurde nichts geprüft.")}
	return a
}

// wanted says what is checked here, to who gave something else.
func wanted() Both {
	return both("A proof bundle is one ZIP file, called siegel-….zip, that the archive gave out for one message; manifest.txt, entry.txt and README.txt are in it. Take that file as it is, without unpacking it: the message alone, or one file out of a bundle, shows nothing.",
		"Ein Beweispaket ist eine einzige ZIP-Datei namens siegel-….zip, die das Archiv zu einem Schreiben ausgegeben hat; darin liegen manifest.txt, entry.txt und README.txt. Nehmen Sie diese Datei, wie sie ist, ohne sie auszupacken: das Schreiben allein oder eine einzelne Datei aus einem Paket zeigt nichts.")
}

// step finds the lines of a step and tells the worst of them.
func (t telling) step(r *bundle.Report) Step {
	s := Step{Name: t.name, Outcome: bundle.OK}
	rank := []bundle.Outcome{bundle.OK, bundle.Note, bundle.Warning, Unreached, bundle.Failed}
	worse := func(o bundle.Outcome) {
		if slices.Index(rank, o) > slices.Index(rank, s.Outcome) {
			s.Outcome = o
		}
	}
	seen := make(map[string]bool)
	for _, l := range r.Lines {
		if !slices.Contains(t.checks, l.Check) && !slices.Contains(t.optional, l.Check) {
			continue
		}
		seen[l.Check] = true
		s.Lines = append(s.Lines, l)
		worse(l.Outcome)
	}
	for _, c := range t.checks {
		if !seen[c] {
			worse(Unreached)
		}
	}
	f := &r.Facts
	switch s.Outcome {
	case bundle.Failed:
		s.Title, s.Meaning = t.failed(f)
	case Unreached:
		s.Title, s.Meaning = t.pending, both("This was not checked to the end any more, because another step failed.",
			"Das wurde nicht mehr zu Ende geprüft, weil ein anderer Schritt gescheitert ist.")
	case bundle.Warning:
		s.Title, s.Meaning = t.warning(f)
	case bundle.Note:
		s.Title, s.Meaning = t.note(f)
	default:
		s.Title, s.Meaning = t.ok(f)
	}
	return s
}

// verdict says the whole in a word and a few sentences.
func verdict(r *bundle.Report, steps []Step) (Both, []Both) {
	f := &r.Facts
	switch r.Verdict {
	case bundle.Verified:
		said := []Both{whole(r), both("It comes from the archive whose key you gave, and was entered there on %[1]s at the latest.",
			"Es stammt aus dem Archiv, dessen Schlüssel Sie angegeben haben, und war dort spätestens am %[1]s eingetragen.", moment(f.Until))}
		if slices.ContainsFunc(steps, func(s Step) bool { return s.Name == "until" && s.Outcome == bundle.Warning }) {
			said[1] = both("It comes from the archive whose key you gave.", "Es stammt aus dem Archiv, dessen Schlüssel Sie angegeben haben.")
		}
		return both("Verified", "Bestätigt"), append(said, doubts(steps)...)
	case bundle.Consistent:
		said := []Both{both("Everything in this bundle fits together. That alone does not show from whom it comes: a forger could have made a bundle that fits together.",
			"Alles in diesem Paket passt zueinander. Das allein zeigt noch nicht, von wem es stammt: auch ein Fälscher könnte ein Paket herstellen, das in sich stimmt.")}
		return both("Consistent, not authenticated", "In sich stimmig, nicht beglaubigt"), append(append(said, missing(f)), doubts(steps)...)
	default:
		said := []Both{both("This bundle proves nothing.", "Dieses Paket beweist nichts.")}
		for _, s := range steps {
			if s.Outcome == bundle.Failed {
				said = append(said, s.Title)
			}
		}
		return both("Refused", "Abgelehnt"), said
	}
}

// whole says that the message is the one that was entered.
func whole(r *bundle.Report) Both {
	for _, l := range r.Lines {
		if l.Check == "message" && l.Outcome == bundle.OK {
			return both("This message is, bit for bit, the one that was entered in the archive.", "Dieses Schreiben ist Bit für Bit dasselbe, das in das Archiv eingetragen wurde.")
		}
	}
	return both("The entry of this message is genuine; the message itself is not in the bundle.", "Der Eintrag dieses Schreibens ist echt; das Schreiben selbst liegt nicht bei.")
}

// doubts are the titles of the steps that warn.
func doubts(steps []Step) (list []Both) {
	for _, s := range steps {
		if s.Outcome == bundle.Warning {
			list = append(list, s.Title)
		}
	}
	return list
}

// missing says what it takes to verify a bundle that is only consistent.
func missing(f *bundle.Facts) Both {
	switch {
	case f.KeyTrusted:
		return both("It was signed with the key that you gave. What is missing are the root certificates of the timestamp authority, from elsewhere than the bundle; until then nobody vouches for the time.",
			"Unterschrieben hat der Schlüssel, den Sie angegeben haben. Es fehlen die Wurzelzertifikate der Zeitstempelstelle, von anderswo als aus dem Paket; bis dahin bürgt niemand für die Zeit.")
	case f.StampsTrusted:
		return both("The timestamp is one of the authority whose root certificates you gave. What is missing is the key of the archive, from elsewhere than the bundle; until then nobody vouches for whose archive it is.",
			"Der Zeitstempel stammt von der Stelle, deren Wurzelzertifikate Sie angegeben haben. Es fehlt der Schlüssel des Archivs, von anderswo als aus dem Paket; bis dahin bürgt niemand dafür, wessen Archiv es ist.")
	default:
		return both("What is missing are the key of the archive and the root certificates of the timestamp authority, both from elsewhere than the bundle.",
			"Es fehlen der Schlüssel des Archivs und die Wurzelzertifikate der Zeitstempelstelle, beide von anderswo als aus dem Paket.")
	}
}

// open lists what nobody should read into a verdict.
func open(r *bundle.Report) []Both {
	if r.Verdict == bundle.Refused {
		return []Both{
			both("That the message was changed on purpose: a damaged or mistaken file is refused as well.",
				"Dass das Schreiben absichtlich verändert wurde: auch eine beschädigte oder verwechselte Datei wird abgelehnt."),
			both("That the message in the archive is another one: only this file was looked at. Ask for a new bundle.",
				"Dass im Archiv etwas anderes liegt: geprüft wurde nur diese Datei. Lassen Sie sich ein neues Paket geben."),
		}
	}
	list := []Both{
		both("Whether what the message says is true, and whether it was really written by whom it names as its sender.",
			"Ob wahr ist, was in dem Schreiben steht, und ob es wirklich von der Person stammt, die es als Absender nennt."),
		both("Whether the recipient got or read it: that it was archived is proven, not that it was delivered.",
			"Ob der Empfänger es bekommen oder gelesen hat: bewiesen ist die Archivierung, nicht die Zustellung."),
		both("Whether the archive has all messages: a bundle speaks of one alone.",
			"Ob das Archiv alle Schreiben hat: ein Paket spricht nur von diesem einen."),
		both("Whether the timestamp authority is a qualified one. The trusted list of its country says so.",
			"Ob die Zeitstempelstelle eine qualifizierte ist. Das sagt die Vertrauensliste ihres Landes."),
		both("Whether a certificate of the authority was revoked later, or is named in a list that the bundle does not have: nothing is fetched from elsewhere.",
			"Ob ein Zertifikat der Stelle später widerrufen wurde oder auf einer Sperrliste steht, die das Paket nicht hat: es wird nichts von anderswo geholt."),
	}
	if r.Facts.KeyTrusted || r.Facts.StampsTrusted {
		list = append(list, both("Whether the key and the certificates that you gave are the right ones: that is as sure as the way on which you got them.",
			"Ob Schlüssel und Zertifikate, die Sie angegeben haben, die richtigen sind: das ist so sicher wie der Weg, auf dem Sie sie bekommen haben."))
	}
	return list
}

// moment writes a time as the texts have it.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
