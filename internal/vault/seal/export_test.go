package seal

import "siegel/internal/mail"

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
