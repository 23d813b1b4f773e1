package output

// Status is the exit status of each kind of fault; 1 is what has none, 2 also
// stands for a command line that cannot be read.
func Status(kind string) int {
	switch kind {
	case "invalid":
		return 2
	case "not-found":
		return 3
	case "denied":
		return 4
	case "locked":
		return 5
	case "conflict":
		return 6
	case "busy":
		return 7
	case "exhausted":
		return 8
	case "damaged":
		return 9
	default:
		return 1
	}
}
