package seal

import (
	"crypto/hpke"

	"siegel/internal/mail"
)

// Inverted returns a seed with every bit turned, so that looking for the seed in
// the memory of a process does not find what was looked for.
func (s *Session) Inverted(holder mail.HolderID, term int) (out []byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.seeds[holderTerm{holder, term}].Use(func(b []byte) {
		for _, c := range b {
			out = append(out, ^c)
		}
	})
	return out
}

// MaxKnown is how many keys a vault remembers as verified.
const MaxKnown = maxKnown

// StaysKnown reports whether a key that is asked for after each of n others is
// remembered throughout.
func StaysKnown(n int) bool {
	var v Vault
	used := knownKey{kind: Archive}
	v.known = map[knownKey]hpke.PublicKey{used: nil}
	for i := range n {
		v.remember(knownKey{term: i}, nil)
		if _, ok := v.remembered(used); !ok {
			return false
		}
	}
	return true
}

// Known returns how many of n keys a vault remembers.
func Known(n int) int {
	v := Vault{known: make(map[knownKey]hpke.PublicKey)}
	for i := range n {
		v.remember(knownKey{term: i}, nil)
	}
	return len(v.known) + len(v.older)
}
