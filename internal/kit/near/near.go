// Package near tells how alike two words are, to find what was mistyped.
package near

// Within reports whether at most most letters have to be typed anew, added, left out or
// exchanged with their neighbour to make one word of the other, none of them twice
// (optimal string alignment). It takes memory for three lines of the shorter word, and
// time for the product of both lengths, or for nothing where they differ by more than most.
func Within(most int, one, other string) bool {
	a, b := []rune(one), []rune(other)
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > most {
		return false
	}
	before, last, line := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		line[0] = i
		for j := 1; j <= len(b); j++ {
			anew := last[j-1]
			if a[i-1] != b[j-1] {
				anew++
			}
			line[j] = min(anew, last[j]+1, line[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				line[j] = min(line[j], before[j-2]+1)
			}
		}
		before, last, line = last, line, before
	}
	return last[len(b)] <= most
}
