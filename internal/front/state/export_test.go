package state

// Judge finds out how the worst of all is.
func (s *State) Judge() { s.worst() }
