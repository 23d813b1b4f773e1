package recovery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
)

// locker remembers what locks were made from.
type locker struct {
	kind  seal.LockKind
	given []byte
	err   error
}

func (l *locker) PrepareLock(_ context.Context, kind seal.LockKind, given []byte) (seal.Lock, error) {
	l.kind, l.given = kind, slices.Clone(given)
	return seal.Lock{}, l.err
}

// shelf is one with a clock.
func shelf() (*recovery.Shelf, *locker, *time.Time) {
	l, at := new(locker), time.Date(2026, 11, 22, 14, 38, 18, 0, time.UTC)
	return recovery.New(l, func() time.Time { return at }), l, &at
}

// typed are the words that a kit asks for.
func typed(words []string, asked []int) (list []string) {
	for _, at := range asked {
		list = append(list, words[at-1])
	}
	return list
}

// The kit that is shown opens what its lock was made from; whoever typed two words
// back has it, once.
func TestMakeAndTake(t *testing.T) {
	s, l, _ := shelf()
	k, err := s.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	code, err := credential.OpenKit(k.File, strings.Join(k.Words, " "))
	if err != nil || !slices.Equal(code, l.given) || l.kind != seal.ByRecovery || len(k.Words) != 10 || len(k.WordsAsked) != 2 {
		t.Fatalf("%d words, asked %v, lock by %v: %v", len(k.Words), k.WordsAsked, l.kind, err)
	}
	right := typed(k.Words, k.WordsAsked)
	for name, one := range map[string]struct {
		id    mail.ID
		words []string
		want  fault.Kind
	}{
		"another kit": {mail.NewID(), right, fault.NotFound},
		"no words":    {k.ID, nil, fault.Invalid},
		"one word":    {k.ID, right[:1], fault.Invalid},
		"three":       {k.ID, append(slices.Clone(right), "x"), fault.Invalid},
		"wrong":       {k.ID, []string{right[0], right[1] + "x"}, fault.Invalid},
		"turned":      {k.ID, []string{right[1], right[0]}, fault.Invalid},
	} {
		if _, err := s.Take(one.id, one.words); fault.Of(err) != one.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Mistakes did not cost the kit.
	held, err := s.Take(k.ID, []string{" " + strings.ToUpper(right[0]), right[1] + "\n"})
	if err != nil || !slices.Equal(held.Asked.Words, right) {
		t.Fatal(err)
	}
	if _, err := s.Take(k.ID, right); fault.Of(err) != fault.NotFound {
		t.Errorf("taken twice: %v", err)
	}
	s.Put(k.ID, held) // it serves another try
	if _, err := s.Take(k.ID, right); err != nil {
		t.Error(err)
	}
	l.err = errors.New("no lock")
	if _, err := s.Make(t.Context()); !errors.Is(err, l.err) {
		t.Error(err)
	}
}

// A kit waits for an hour, and sixteen wait at most: the oldest goes.
func TestBounds(t *testing.T) {
	s, _, at := shelf()
	put := func() mail.ID {
		id := mail.NewID()
		s.Put(id, &recovery.Held{Asked: recovery.Asked{At: []int{1, 2}, Words: []string{"a", "b"}}, Until: at.Add(recovery.For)})
		return id
	}
	take := func(id mail.ID) fault.Kind {
		held, err := s.Take(id, []string{"a", "b"})
		if err == nil {
			s.Put(id, held)
			return -1
		}
		return fault.Of(err)
	}
	first := put()
	*at = at.Add(recovery.For)
	if got := take(first); got != -1 {
		t.Errorf("after the hour's last moment: %v", got)
	}
	*at = at.Add(1)
	if got := take(first); got != fault.NotFound {
		t.Errorf("after the hour: %v", got)
	}
	var list []mail.ID
	for range recovery.Max + 1 {
		*at = at.Add(time.Second)
		list = append(list, put())
	}
	for n, id := range list {
		if got := take(id); (got == -1) != (n > 0) {
			t.Errorf("kit %d of %d: %v", n, len(list), got)
		}
	}
}

// The positions differ, in order, and all are drawn.
func TestAskFor(t *testing.T) {
	seen := make(map[int]bool)
	for range 500 {
		a := recovery.AskFor(10)
		if len(a) != 2 || a[0] < 1 || a[0] >= a[1] || a[1] > 10 {
			t.Fatal(a)
		}
		seen[a[0]], seen[a[1]] = true, true
	}
	if len(seen) != 10 {
		t.Errorf("only %d positions are asked for", len(seen))
	}
}
