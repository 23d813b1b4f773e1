package index

import (
	"cmp"
	"context"
	"slices"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index/projection"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Conversation is what was written to and fro with a message: all messages that
// Message-ID, References and In-Reply-To join (RFC 5322 section 3.6.4), directly or
// through others, whether those are there or not. A subject joins nothing.
type Conversation struct {
	// Messages are in the order in which they were sent, but none stands before the
	// one that it answers.
	Messages []Member `json:"messages"`
	Cut      bool     `json:"cut"` // there are more than MaxConversation: some are left out
	Lag
}

// Member is a message of a conversation.
type Member struct {
	ID         mail.ID   `json:"id"`
	Arrived    time.Time `json:"arrived"`
	Sent       time.Time `json:"sent"` // as of a [Hit]
	From       string    `json:"from"`
	Subject    string    `json:"subject"`
	Size       int64     `json:"size"`
	Opaque     bool      `json:"opaque"`
	Attachment bool      `json:"attachment"`
	// Answers is the nearest message before it that is in the conversation; zero
	// where none is.
	Answers mail.ID `json:"answers,omitzero"`
	Depth   int     `json:"depth"` // how many answers lead to it
}

// Bounds of a conversation. A sender can give every mail the same identifiers.
const (
	MaxConversation = 500
	maxLinks        = 20 * MaxConversation
)

// Conversation catches the session's index up and lists the conversation of a
// message, as far as the session's holder can read it. The audit log has it before
// anything is returned. It fails with kind NotFound where there is no such message
// for the session, and Damaged where its index record did not open.
func (x *Index) Conversation(ctx context.Context, s Session, message mail.ID, w Wait) (out *Conversation, err error) {
	defer fault.Wrap(&err, "conversation")
	err = x.with(ctx, s, w, func(files *shelved) error {
		out = &Conversation{Lag: files.Lag, Messages: []Member{}}
		t := thread{files: files.files, members: make(map[mail.ID]projection.Linked), known: make(map[int64]bool)}
		if found, err := t.gather(ctx, message); err != nil || !found {
			return cmp.Or(err, missing(ctx, s, message, files.Lag))
		}
		out.Messages, out.Cut = t.order(), t.cut
		return x.Trail.Record(ctx, s.Tenant(), s.Archive(), audit.Event{
			What: "conversation", Who: s.Person().String(), Object: message.String(), Detail: map[string]any{"messages": len(out.Messages)},
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// missing says why a message is in no projection; nil where it is pending.
func missing(ctx context.Context, s Session, message mail.ID, l Lag) error {
	has, err := s.Unlocked().Has(ctx, message, holder(s))
	switch {
	case err != nil || has && l.Pending > 0:
		return err
	case has:
		return fault.New(fault.Damaged, "the message's index record does not open: no search finds it")
	}
	return fault.New(fault.NotFound, "there is no such message for you")
}

// thread is a conversation that is being put together.
type thread struct {
	files   []*projection.File
	members map[mail.ID]projection.Linked
	known   map[int64]bool // links that were asked for, or will be
	cut     bool
}

// gather finds the messages, from the one that was asked for outwards.
func (t *thread) gather(ctx context.Context, message mail.ID) (bool, error) {
	var next projection.Links
	for _, f := range t.files {
		l, ok, err := f.One(ctx, message)
		if err != nil {
			return false, err
		}
		if ok {
			t.take(l, &next)
			break
		}
	}
	for len(next) > 0 {
		var links projection.Links
		links, next = next, nil
		for _, f := range t.files {
			list, err := f.With(ctx, links, MaxConversation+1)
			if err != nil {
				return false, err
			}
			for _, l := range list {
				t.take(l, &next)
			}
		}
	}
	return len(t.members) > 0, nil
}

// take adds a message, and its links to those that are asked for next.
func (t *thread) take(l projection.Linked, next *projection.Links) {
	if _, ok := t.members[l.Message]; ok {
		return
	}
	if len(t.members) == MaxConversation || len(t.known) > maxLinks {
		t.cut = true
		return
	}
	t.members[l.Message] = l
	for _, h := range l.Links {
		if h != 0 && !t.known[h] {
			t.known[h] = true
			*next = append(*next, h)
		}
	}
}

// order puts the messages in their order.
func (t *thread) order() []Member {
	list := make([]projection.Linked, 0, len(t.members))
	for _, l := range t.members {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b projection.Linked) int {
		return cmp.Or(cmp.Compare(a.Sent, b.Sent), cmp.Compare(a.Date, b.Date), slices.Compare(a.Message[:], b.Message[:]))
	})
	o := ordering{list: list, own: make(map[int64]int), state: make([]int, len(list)), depth: make([]int, len(list))}
	for i, l := range list {
		if _, ok := o.own[l.Links.Own()]; !ok && l.Links.Own() != 0 {
			o.own[l.Links.Own()] = i // of several with one identifier the first is answered
		}
	}
	for i := range list {
		o.put(i)
	}
	return o.out
}

// ordering writes messages behind those that they answer.
type ordering struct {
	list  []projection.Linked
	own   map[int64]int // who has an identifier
	state []int
	depth []int
	out   []Member
}

const (
	waiting = iota
	begun   // what it answers is being written
	written
)

func (o *ordering) put(i int) {
	if o.state[i] != waiting {
		return
	}
	o.state[i] = begun
	l := o.list[i]
	m := Member{
		ID: l.Message, Arrived: mail.FromMicros(l.Date), Sent: mail.FromMicros(l.Sent), From: l.Sender, Subject: l.Subject,
		Size: l.Size, Opaque: l.Opaque, Attachment: l.Files,
	}
	for _, h := range l.Links[min(1, len(l.Links)):] {
		p, ok := o.own[h]
		if !ok {
			continue
		}
		o.put(p)
		if o.state[p] == written { // else it answers itself, over some corners
			m.Answers, m.Depth = o.list[p].Message, o.depth[p]+1
			break
		}
	}
	o.state[i], o.depth[i] = written, m.Depth
	o.out = append(o.out, m)
}
