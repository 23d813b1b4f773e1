// Package recent remembers a bounded number of things: those that were used last.
package recent

import "sync"

// Set remembers values by their keys. Use it from many goroutines. Make it with
// [New].
type Set[K comparable, V any] struct {
	max int

	mu    sync.Mutex
	used  map[K]V // guarded by mu
	older map[K]V // those that were used before them; guarded by mu
}

// New returns an empty set of at most max values. What is asked for before half
// as many others are noted or asked for stays.
func New[K comparable, V any](limit int) *Set[K, V] {
	return &Set[K, V]{max: max(2, limit), used: make(map[K]V)}
}

// Get returns a value, and whether it is remembered.
func (s *Set[K, V]) Get(k K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.used[k]
	if !ok {
		if v, ok = s.older[k]; ok {
			s.note(k, v)
		}
	}
	return v, ok
}

// Note remembers a value.
func (s *Set[K, V]) Note(k K, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(k, v)
}

// note does what Note does; the caller holds s.mu.
func (s *Set[K, V]) note(k K, v V) {
	if len(s.used) >= s.max/2 {
		s.older, s.used = s.used, make(map[K]V)
	}
	s.used[k] = v
}

// Len returns how many values are remembered; one that was used again may count
// twice.
func (s *Set[K, V]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.used) + len(s.older)
}
