package arch_test

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// floor is one floor of the house with the rooms on it. A room may import the
// rooms of floors below, never a neighbour on its own floor. Sub-packages
// belong to their room.
type floor struct {
	rooms []string // patterns of [path.Match]
	why   string   // why these may not be imported from below or beside
}

// floors are listed from the top down.
func floors() []floor {
	return []floor{
		{[]string{"cmd/*"}, "a command is an end, nobody builds on it"},
		{[]string{"app"}, "only app knows every room; who imports it would know the configuration"},
		{[]string{"front/console", "front/web", "front/api", "front/health"}, "doors have no rules of their own, so nobody can need one, least of all another door"},
		{[]string{"front/file", "front/history", "front/state", "front/trail"}, "what doors of HTTP say in the same way has no pages and no documents"},
		{[]string{"front"}, "how doors of HTTP recognise who calls has no pages and no documents"},
		{
			[]string{"archive", "index", "mailbox", "desk", "portal", "ops", "flow/*"},
			"rooms of a floor meet in flow and app: what passes between them are types of mail and small interfaces that the consumer declares",
		},
		{[]string{"identity"}, "who somebody is, is asked from above"},
		{[]string{"audit"}, "everybody above writes to the audit ledger, identity too, so it knows none of them"},
		{[]string{"vault/seal", "vault/ledger", "vault/jobs", "vault/node"}, "each keeps one promise alone; rooms above put them together"},
		{[]string{"vault/db", "vault/blob", "vault/stamp"}, "what is kept here is sealed and has no meaning here"},
		{[]string{"flow"}, "the list, the passage and the unit: rooms import them, they import no room"},
		{[]string{"mail"}, "the words of all rooms depend on none"},
		{[]string{"proto"}, "wire formats are pure functions"},
		{[]string{"kit"}, "small tools on the standard library alone"},
	}
}

// ban forbids imports that the floors would allow.
type ban struct {
	from string   // room pattern
	to   []string // room patterns, or import paths of others; "x..." means x and below
	why  string
}

func bans() []ban {
	return []ban{
		{
			"front/*",
			[]string{"vault/*"},
			"doors read through the rooms, with the unlocked session as a value: only a room checks who may see what",
		},
		{
			"vault/*",
			[]string{
				"siegel/internal/proto/mime...", "net/mail", "mime...",
				"github.com/emersion/go-message...", "github.com/jhillyerd/enmime...",
			},
			"vault sees sealed bytes and never parses mail",
		},
	}
}

// allowance lists all of our rooms that a room may import.
type allowance struct {
	from string
	to   []string
	why  string
}

func allowances() []allowance {
	return []allowance{
		{"cmd/siegel", []string{"app", "front/*", "mail", "kit", "proto"}, "a command parses its line; wiring is in app"},
		{"cmd/siegel-verify", []string{"proto", "kit", "vault/stamp"}, "the verifier is small enough to be read by whoever relies on it, and builds for WASM"},
		{"flow", []string{"mail", "proto", "kit"}, "flow stands beside mail and imports no room; app wires"},
	}
}

func importRules() []rule {
	return []rule{
		{"map", "a room that is not on the map has no floor: put it into floors(), or the package into its room", checkMap},
		{"floors", "imports go downward only, and never to a neighbour", checkFloors},
		{"bans", "some floors must not be seen from some others", checkBans},
		{"allowances", "some rooms have a short list of what they may import", checkAllowances},
		{"own feet", "proto and kit import the standard library and golang.org/x only, so that the verifier can carry them", checkOwnFeet},
		{"configuration", "only app reads the configuration", checkConfiguration},
	}
}

// room returns the room of a folder, such as vault/blob for
// internal/vault/blob/disk, or "" where the rules of imports do not hold.
func room(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "test" {
		return ""
	}
	if parts[0] != "internal" {
		return path.Join(parts[:min(2, len(parts))]...)
	}
	parts = parts[1:]
	if len(parts) > 1 && slices.Contains([]string{"front", "vault", "flow"}, parts[0]) {
		return parts[0] + "/" + parts[1]
	}
	return strings.Join(parts[:min(1, len(parts))], "")
}

func matches(patterns []string, room string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, room)
		return ok && err == nil
	})
}

// height returns the number of floors below a room, and whether it has one.
func height(room string) (int, bool) {
	all := floors()
	i := slices.IndexFunc(all, func(f floor) bool { return matches(f.rooms, room) })
	return len(all) - 1 - i, i >= 0
}

// imported is one import of a file that is no test.
type imported struct {
	at       string
	from, to string // rooms; to is "" for what is not ours
	path     string
}

func (h *house) imports() []imported {
	var all []imported
	for _, f := range h.files {
		from := room(f.pkg)
		if f.test || from == "" {
			continue
		}
		for _, spec := range f.ast.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			i := imported{at: h.at(spec.Pos()), from: from, path: p}
			if dir, ours := strings.CutPrefix(p, module+"/"); ours {
				i.to = room(dir)
			}
			all = append(all, i)
		}
	}
	return all
}

func checkMap(h *house) []finding {
	var bad []finding
	for _, p := range h.packages() {
		r := room(p.dir)
		if _, ok := height(r); r != "" && !ok {
			bad = append(bad, finding{p.dir, fmt.Sprintf("no floor has a room %q", r)})
		}
	}
	return bad
}

func checkFloors(h *house) []finding {
	var bad []finding
	all := floors()
	for _, i := range h.imports() {
		if i.to == "" || i.to == i.from {
			continue
		}
		from, ok := height(i.from)
		to, known := height(i.to)
		switch {
		case !ok: // the map rule says so
		case !known:
			bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s, which is on no floor", i.from, i.path)})
		case to == from:
			bad = append(bad, finding{i.at, fmt.Sprintf("%s imports its neighbour %s: %s", i.from, i.to, all[len(all)-1-to].why)})
		case to > from:
			bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s from above: %s", i.from, i.to, all[len(all)-1-to].why)})
		}
	}
	return bad
}

func checkBans(h *house) []finding {
	var bad []finding
	for _, i := range h.imports() {
		for _, b := range bans() {
			if !matches([]string{b.from}, i.from) {
				continue
			}
			if i.to != "" && matches(b.to, i.to) || slices.ContainsFunc(b.to, func(p string) bool { return below(p, i.path) }) {
				bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s: %s", i.from, i.path, b.why)})
			}
		}
	}
	return bad
}

// below reports whether an import path is pattern, or where that ends in
// "...", lies below it.
func below(pattern, p string) bool {
	stem, tree := strings.CutSuffix(pattern, "...")
	return p == stem || tree && strings.HasPrefix(p, stem+"/")
}

func checkAllowances(h *house) []finding {
	var bad []finding
	for _, i := range h.imports() {
		for _, a := range allowances() {
			if i.from == a.from && i.to != "" && i.to != i.from && !matches(a.to, i.to) {
				bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s, may import %s: %s", i.from, i.to, strings.Join(a.to, ", "), a.why)})
			}
		}
	}
	return bad
}

func checkOwnFeet(h *house) []finding {
	var bad []finding
	for _, i := range h.imports() {
		if i.from != "proto" && i.from != "kit" || i.to != "" || below("golang.org/x...", i.path) {
			continue
		}
		if first, _, _ := strings.Cut(i.path, "/"); strings.Contains(first, ".") || first == "C" {
			bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s", i.from, i.path)})
		}
	}
	return bad
}

func checkConfiguration(h *house) []finding {
	var bad []finding
	for _, i := range h.imports() {
		if i.from != "app" && below("github.com/knadh/koanf...", i.path) {
			bad = append(bad, finding{i.at, fmt.Sprintf("%s imports %s", i.from, i.path)})
		}
	}
	return bad
}
