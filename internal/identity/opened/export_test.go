package opened

// Kept returns of how many people something is kept.
func (r *Register[S]) Kept() int { return len(r.open) }
