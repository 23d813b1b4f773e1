// Package words is what the events of the audit trail are called: a name for each kind, and
// a sentence for each event, which people read instead of code words. Programs go on to get
// the words of the audit log.
package words

import (
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/trail"
	"siegel/internal/identity"
	"siegel/internal/identity/setting"
)

// Sentence is a text that waits for its language: a key of kit/text.
type Sentence struct {
	Text string
	Args []any
}

// say marks a sentence that has a translation.
func say(sentence string, args ...any) Sentence { return Sentence{sentence, args} }

// Kind is a kind of event.
type Kind struct {
	Code string // as the audit log has it, such as message.open
	Name string // what happened, in English: a key of kit/text
	told string // the same of who did it, and of the person to whom; a key of kit/text
}

// Group are kinds that belong together.
type Group struct {
	Name  string // in English: a key of kit/text
	Kinds []Kind
}

// Kinds are the words of all kinds of events. It may be used from many goroutines.
type Kinds struct {
	Groups []Group // in the order in which people are offered them
	by     map[string]Kind
}

// New returns the words.
func New() *Kinds {
	k := &Kinds{Groups: kinds(), by: make(map[string]Kind)}
	for _, g := range k.Groups {
		for _, one := range g.Kinds {
			k.by[one.Code] = one
		}
	}
	return k
}

// Has reports whether a code is that of a kind.
func (k *Kinds) Has(code string) bool {
	_, ok := k.by[code]
	return ok
}

// Begins reports whether the code of some kind begins so.
func (k *Kinds) Begins(prefix string) bool {
	for code := range k.by {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// Name returns what a kind is called, in English: a key of kit/text. A kind of which nothing is
// known (an event that another version has entered) is called by its code.
func (k *Kinds) Name(code string) string {
	if one, ok := k.by[code]; ok {
		return one.Name
	}
	return code
}

// Told is an event as people read it.
type Told struct {
	Said     Sentence
	Old, New string    // what it was before and is now; empty for nothing
	Words    bool      // Old and New are words of ours, which have translations
	Until    time.Time // of what was given for a time; zero for nothing
	Object   string    // the id of what it was done to, where that is no person; may be empty
}

// word is a word in a sentence that has a translation of its own, as kit/text has it.
type word string

// Spoken returns the word.
func (w word) Spoken() string { return string(w) }

// Of tells an event.
func (k *Kinds) Of(e trail.Event) Told {
	out := Told{Old: e.Old, New: e.New}
	who := any(e.Actor())
	switch e.Who {
	case audit.Operator:
		who = word(say("The operator of the server").Text)
	case server:
		who = word(say("The server").Text)
	}
	object := e.ObjectEmail
	if object == "" {
		out.Object = e.Object
	}
	switch e.What {
	case "sign-in":
		out.Old, out.New = "", "" // the sentence says it
		if e.New != "ok" {
			times, _ := e.Detail["times"].(float64) // JSON
			if held, _ := e.Detail["held"].(float64); held > 0 {
				out.Said = say("Signing in was refused, of %s: %d {time|times}, %d of them without looking at what was typed, since too many had failed", who, int64(times), int64(held))
				return out
			}
			out.Said = say("Signing in was refused, of %s: %d {time|times}", who, int64(times))
			return out
		}
	case "setting":
		if e.Object == setting.IdleMinutes {
			out.Said = say("%s changed a setting: %s", who, word(say("minutes after which a session that nobody uses ends").Text))
			return out
		}
	case "case.open":
		if at, err := time.Parse(time.RFC3339, e.New); err == nil {
			out.New, out.Until = "", at
		}
	case "job.end", "recovery.use":
		out.Words = true
	default:
		_, old := identity.ParseRole(e.Old)
		_, now := identity.ParseRole(e.New)
		out.Words = old == nil || now == nil
	}
	out.Said = k.said(e, who, object.String())
	return out
}

// server is who did what the server does by itself.
const server = "server"

// said returns the sentence of a kind, with as many people as it names.
func (k *Kinds) said(e trail.Event, who any, object string) Sentence {
	kind, ok := k.by[e.What]
	switch {
	case !ok:
		return say("%s: an event of the kind %s", who, e.What)
	case !kind.names():
		return Sentence{kind.told, []any{who}}
	case object == "":
		return Sentence{kind.told, []any{who, e.Object}}
	default:
		return Sentence{kind.told, []any{who, object}}
	}
}

// names reports whether the sentence of a kind names the person to whom something was done.
func (k Kind) names() bool { return strings.Count(k.told, "%s") > 1 }
