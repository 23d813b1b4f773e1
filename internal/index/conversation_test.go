package index_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// letter is a message of the threading corpus.
type letter struct {
	name    string
	id      string   // Message-ID
	reply   string   // In-Reply-To
	refs    []string // References
	subject string
	month   int // after January 2026, of sending and arrival
	day     int
	to      string // the reader where it is empty
}

func (l letter) at() time.Time {
	return time.Date(2026, time.Month(1+l.month), 1+l.day, 12, 0, 0, 0, time.UTC)
}

func (l letter) octets() []byte {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	brackets := func(ids ...string) string {
		var list []string
		for _, id := range ids {
			if id != "" {
				list = append(list, "<"+id+">")
			}
		}
		return strings.Join(list, "\r\n ")
	}
	field("From", "Anna <anna@elsewhere.example>")
	field("Date", l.at().Format(time.RFC1123Z))
	field("Message-ID", brackets(l.id))
	field("In-Reply-To", brackets(l.reply))
	field("References", brackets(l.refs...))
	field("Subject", l.subject)
	return []byte(b.String() + "\r\n" + l.name + "\r\n")
}

// many returns identifiers that nobody has.
func many(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("old%d@x", i))
	}
	return list
}

// corpus is a threading corpus: conversations with their messages in the order in
// which they are shown, with what each answers.
func corpus() (letters []letter, conversations [][]string) {
	loop := []letter{
		{name: "loop a", id: "la@x", reply: "lb@x"},
		{name: "loop b", id: "lb@x", reply: "lc@x", day: 1},
		{name: "loop c", id: "lc@x", reply: "la@x", day: 2},
	}
	letters = []letter{
		{name: "root", id: "r@x", subject: "Offer"},
		{name: "reply", id: "a@x", reply: "r@x", refs: []string{"r@x"}, subject: "Re: Offer", month: 1},
		{name: "again", id: "b@x", refs: []string{"r@x", "a@x"}, subject: "another subject", month: 3},
		{name: "by reply alone", id: "c@x", reply: "a@x", month: 2},
		{name: "of a missing one", id: "d@x", refs: []string{"r@x", "gone@x"}, month: 3, day: 1},
		// Its clock was wrong: it is older than what it answers.
		{name: "too early", id: "e@x", reply: "b@x", month: 2, day: 3},
		{name: "without an id", reply: "b@x", month: 4},
		// The same subject joins nothing.
		{name: "stranger", id: "s@x", subject: "Offer"},
		{name: "bare", subject: "Offer", day: 4},
		{name: "bare too", subject: "Offer", day: 5},
		// Two answer one that is not there, and know nothing of each other.
		{name: "orphan one", id: "o1@x", reply: "absent@x", month: 1},
		{name: "orphan two", id: "o2@x", refs: []string{"absent@x"}, month: 5},
		// The same message in two mailboxes, and who answers it.
		{name: "twice", id: "t@x"},
		{name: "twice again", id: "t@x", day: 1},
		{name: "to both", id: "u@x", reply: "t@x", month: 1},
		{name: "self", id: "self@x", reply: "self@x", refs: []string{"self@x"}},
		{name: "long root", id: "old0@x"},
		{name: "long", id: "long@x", refs: many(700), month: 2},
		{name: "long middle", id: "old690@x", month: 1},
		{name: "for another", id: "k@x", reply: "r@x", month: 1, day: 5, to: "office@" + stand.Domain},
	}
	return append(letters, loop...), [][]string{
		{"root 0", "reply 1 root", "for another 1 root", "by reply alone 2 reply", "again 2 reply", "too early 3 again", "of a missing one 1 root", "without an id 3 again"},
		{"stranger 0"},
		{"bare 0"},
		{"bare too 0"},
		{"orphan one 0", "orphan two 0"},
		{"twice 0", "twice again 0", "to both 1 twice"},
		{"self 0"},
		{"long root 0", "long middle 0", "long 1 long middle"},
		{"loop c 0", "loop b 1 loop c", "loop a 2 loop b"},
	}
}

// commit has messages committed until it is stopped.
func (w *world) commit(a *app.App) (stop func()) {
	end := stand.Committing(w.t.Context(), a)
	return func() {
		if err := end(); err != nil {
			w.t.Error(err)
		}
	}
}

// fill takes letters in, in the order in which they are given.
func (w *world) fill(a *app.App, letters []letter) map[string]mail.ID {
	w.t.Helper()
	ids := make(map[string]mail.ID)
	defer w.commit(a)()
	for _, l := range letters {
		to := l.to
		if to == "" {
			to = stand.Reader
		}
		id, err := stand.Put(w.t.Context(), a, l.at(), l.octets(), to)
		if err != nil {
			w.t.Fatalf("%s: %v", l.name, err)
		}
		ids[l.name], w.ids[id.String()] = id, l.name
	}
	return ids
}

// shown is a conversation as the corpus writes it.
func (w *world) shown(c *index.Conversation) (list []string) {
	for _, m := range c.Messages {
		line := fmt.Sprintf("%s %d", w.ids[m.ID.String()], m.Depth)
		if !m.Answers.IsZero() {
			line += " " + w.ids[m.Answers.String()]
		}
		list = append(list, line)
	}
	return list
}

// EX-13: messages are joined by Message-ID, References and In-Reply-To, across
// months and in whatever order they arrived, never by subject; nothing is dropped, and
// a reader sees what is hers of it.
func TestConversation(t *testing.T) {
	letters, conversations := corpus()
	w := newWorld(t)
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	shuffled := slices.Clone(letters)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
	ids := w.fill(a, shuffled)
	list := func(s *identity.Session, name string) []string {
		t.Helper()
		c, err := a.Index.Conversation(t.Context(), s, ids[name], index.Wait{})
		if err != nil || c.Cut || c.Pending != 0 {
			t.Fatalf("%s: %+v, %v", name, c, err)
		}
		return w.shown(c)
	}
	seen := 0
	for _, want := range conversations {
		for _, line := range want {
			for name := range maps.Keys(ids) {
				if strings.HasPrefix(line, name+" 0") || strings.HasPrefix(line, name+" 1") || strings.HasPrefix(line, name+" 2") || strings.HasPrefix(line, name+" 3") {
					seen++
					if got := list(s, name); !slices.Equal(got, want) {
						t.Errorf("%s:\n got %q\nwant %q", name, got, want)
					}
				}
			}
		}
	}
	if seen != len(letters) {
		t.Errorf("%d of %d letters are in a conversation", seen, len(letters))
	}
	reader, err := a.Identity.SignIn(t.Context(), stand.Tenant, stand.Reader, []byte(stand.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if got := list(reader, "root"); slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "for another") }) || len(got) != len(conversations[0])-1 {
		t.Errorf("the reader sees %q", got)
	}
	for _, id := range []mail.ID{ids["for another"], mail.NewID()} {
		if _, err := a.Index.Conversation(t.Context(), reader, id, index.Wait{}); fault.Of(err) != fault.NotFound {
			t.Errorf("what is not hers: %v", err)
		}
	}
	events := 0
	err = a.Trail.List(t.Context(), s.Tenant(), s.Unlocked(), 1000, func(e audit.Entry) error {
		if e.What == "conversation" && e.Object == ids["root"].String() {
			events++
		}
		return nil
	})
	if err != nil || events != 2 {
		t.Errorf("%d events of the root's conversation, %v", events, err)
	}
}

// A sender who gives every mail one identifier makes one conversation of them, which
// is bounded; it is said that it is.
func TestConversationIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes in hundreds of messages")
	}
	w := newWorld(t)
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	var id mail.ID
	stop := w.commit(a)
	for i := range index.MaxConversation + 20 {
		l := letter{name: fmt.Sprintf("mass %d", i), id: "same@x", refs: many(30), month: i % 3, day: i % 28}
		var err error
		if id, err = stand.Put(t.Context(), a, l.at(), l.octets(), stand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	c, err := a.Index.Conversation(t.Context(), s, id, index.Wait{})
	if err != nil || !c.Cut || len(c.Messages) != index.MaxConversation {
		t.Errorf("%d messages, cut %v, %v", len(c.Messages), c.Cut, err)
	}
	if !slices.ContainsFunc(c.Messages, func(m index.Member) bool { return m.ID == id }) {
		t.Error("the message itself is not among them")
	}
}
