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

	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
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
	Words []string
	Asked []int
	Until time.Time
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
	raw := credential.Random(seal.CodeSize)
	defer clear(raw)
	words := credential.Proquints(credential.Random(2 * kitWords))
	lock, err := s.locker.PrepareLock(ctx, seal.ByRecovery, raw)
	if err != nil {
		return Kit{}, err
	}
	k := Kit{ID: mail.NewID(), Words: words, WordsAsked: AskFor(len(words))}
	if k.File, err = credential.KitFile(words, credential.FormatCode(raw)); err != nil {
		return Kit{}, err
	}
	// A kit that does not open is found out now, not on the day it is needed.
	got, err := credential.OpenKit(k.File, strings.Join(words, " "))
	if err != nil {
		return Kit{}, err
	}
	if !bytes.Equal(got, raw) {
		return Kit{}, errors.New("recovery: the new recovery kit holds another code")
	}
	clear(got)
	s.Put(k.ID, &Held{Lock: lock, Words: words, Asked: k.WordsAsked, Until: s.now().Add(For)})
	return k, nil
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
		return nil, fault.New(fault.NotFound, "this recovery kit is not known any more; begin again")
	}
	if len(typed) != len(k.Asked) {
		return nil, fault.New(fault.Invalid, "type back the words of the recovery kit that are asked for")
	}
	for n, at := range k.Asked {
		if !strings.EqualFold(strings.TrimSpace(typed[n]), k.Words[at-1]) {
			return nil, fault.Newf(fault.Invalid, "word %d of the recovery kit is another one", at)
		}
	}
	delete(s.kits, id)
	return k, nil
}
