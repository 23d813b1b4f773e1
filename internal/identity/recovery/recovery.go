// Package recovery makes the recovery kits of tenants and remembers those that
// were shown until two of their words are typed back.
package recovery

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Kit is a recovery kit as it is shown, once: a file and the words that open it.
type Kit struct {
	ID         mail.ID  `json:"id"`
	File       []byte   `json:"file"`  // age, encrypted to the words joined by single spaces
	Words      []string `json:"words"` // keep them apart from the file
	WordsAsked []int    `json:"ask"`   // positions, from 1, to type back
}

// Held is a recovery kit that waits to be confirmed.
type Held struct {
	Lock  seal.Lock // of the recovery holder, which the code in the kit opens
	Asked Asked
	Until time.Time
}

// Asked is what of a kit's words is asked for.
type Asked struct {
	At    []int    `json:"at"` // positions, from 1
	Words []string `json:"words"`
}

// ErrWords says that the words that were typed back are not those of the kit.
var ErrWords = errors.New("recovery: the words are others")

// Confirm fails with kind Invalid, and as ErrWords, where what was typed is not what is
// asked for.
func (a Asked) Confirm(typed []string) error {
	if len(typed) != len(a.At) {
		return fault.Because(fault.Invalid, "type back the words of the recovery kit that are asked for", ErrWords)
	}
	for n, at := range a.At {
		if !strings.EqualFold(strings.TrimSpace(typed[n]), a.Words[n]) {
			return &fault.Error{Kind: fault.Invalid, Public: "word %d of the recovery kit is another one", Args: []any{at}, Cause: ErrWords}
		}
	}
	return nil
}

// ErrGone says that no such kit waits.
func ErrGone() error {
	return fault.New(fault.NotFound, "this recovery kit is not known any more; begin again")
}

// Times and bounds.
const (
	For      = time.Hour // how long a kit waits
	Max      = 16        // how many wait at most
	kitWords = 10
)

// Locker makes locks: seal.Vault.
type Locker interface {
	PrepareLock(ctx context.Context, kind seal.LockKind, given []byte) (seal.Lock, error)
}

// Shelf is where kits wait. Use it from many goroutines.
type Shelf struct {
	locker Locker
	now    func() time.Time

	mu   sync.Mutex
	kits map[mail.ID]*Held // guarded by mu
}

// New returns an empty shelf.
func New(l Locker, now func() time.Time) *Shelf {
	return &Shelf{locker: l, now: now, kits: make(map[mail.ID]*Held)}
}

// Make makes a kit, which waits for an hour.
func (s *Shelf) Make(ctx context.Context) (Kit, error) {
	k, code, err := Fresh()
	if err != nil {
		return Kit{}, err
	}
	defer clear(code)
	lock, err := s.locker.PrepareLock(ctx, seal.ByRecovery, code)
	if err != nil {
		return Kit{}, err
	}
	s.Put(k.ID, &Held{Lock: lock, Asked: k.Asks(), Until: s.now().Add(For)})
	return k, nil
}

// Fresh makes a kit, and returns the code in it: what a lock of the recovery holder is made
// from. Nobody remembers it.
func Fresh() (k Kit, code []byte, err error) {
	code = credential.Random(seal.CodeSize)
	words := credential.Proquints(credential.Random(2 * kitWords))
	k = Kit{ID: mail.NewID(), Words: words, WordsAsked: AskFor(len(words))}
	if k.File, err = credential.KitFile(words, credential.FormatCode(code)); err != nil {
		return Kit{}, nil, err
	}
	// A kit that does not open is found out now, not on the day it is needed.
	got, err := credential.OpenKit(k.File, strings.Join(words, " "))
	if err != nil {
		return Kit{}, nil, err
	}
	defer clear(got)
	if !bytes.Equal(got, code) {
		return Kit{}, nil, errors.New("recovery: the new recovery kit holds another code")
	}
	return k, code, nil
}

// Asks returns what of the kit's words is asked for.
func (k Kit) Asks() Asked {
	a := Asked{At: k.WordsAsked}
	for _, at := range k.WordsAsked {
		a.Words = append(a.Words, k.Words[at-1])
	}
	return a
}

// Put remembers a kit: a new one, or one that serves another try. It forgets
// those that are too old, and the oldest where there are too many.
func (s *Shelf) Put(id mail.ID, k *Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest mail.ID
	for id, k := range s.kits {
		if s.now().After(k.Until) {
			delete(s.kits, id)
		} else if old := s.kits[oldest]; old == nil || k.Until.Before(old.Until) {
			oldest = id
		}
	}
	if len(s.kits) >= Max {
		delete(s.kits, oldest)
	}
	s.kits[id] = k
}

// AskFor draws two positions of n, in order, from 1.
func AskFor(n int) []int {
	b := credential.Random(2)
	first := int(b[0]) % (n / 2)
	second := n/2 + int(b[1])%(n-n/2)
	return []int{first + 1, second + 1}
}

// Take takes the kit whose words were typed back: it serves one tenant. It fails
// with kind NotFound where no such kit waits, and Invalid where the words are
// others.
func (s *Shelf) Take(id mail.ID, typed []string) (*Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kits[id]
	if k == nil || s.now().After(k.Until) {
		return nil, ErrGone()
	}
	if err := k.Asked.Confirm(typed); err != nil {
		return nil, err
	}
	delete(s.kits, id)
	return k, nil
}

// Outcome says what became of a use of a kit that is not known to have succeeded.
func Outcome(err error) string {
	switch kind := fault.Of(err); {
	case errors.Is(err, db.ErrUnknown):
		return "unknown"
	case kind == fault.Denied || kind == fault.Conflict || kind == fault.Invalid || kind == fault.NotFound:
		return "refused"
	default:
		return "failed"
	}
}

// Use is the event of a use of a kit for a request, with what became of it.
func Use(request mail.ID, outcome string) audit.Event {
	return audit.Event{What: "recovery.use", Who: audit.Operator, New: outcome, Detail: map[string]any{"request": request.String()}}
}
