package alarm

// MaxSaid bounds what is remembered.
const MaxSaid = maxSaid

// Remembered returns how many alarms are remembered as said.
func (a *Once) Remembered() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.said)
}
