package mbox

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// maxFrom bounds a From_ line with its line end, in octets.
const maxFrom = 1000

// ours is the address in the From_ lines of a [Writer]: it says which variant the
// file is.
const ours = "mboxrd@siegel.invalid"

// fromLine returns the From_ line of an entry.
func fromLine(at time.Time) string {
	return fmt.Sprintf("From %s %s\n", ours, at.UTC().Format("Mon Jan _2 15:04:05 2006"))
}

// isFrom reports whether a line, with or without its end, is a From_ line: one with
// a date.
func isFrom(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok || len(line) > maxFrom {
		return false
	}
	words := strings.Fields(string(rest))
	for i := range words {
		if dated(words[i:]) {
			return true
		}
	}
	return false
}

// dated reports whether words begin with a date as ctime writes it. Before and behind
// the year may stand a zone.
func dated(words []string) bool {
	if len(words) < 5 || !oneOf(words[0], "Mon Tue Wed Thu Fri Sat Sun") || !oneOf(words[1], "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec") {
		return false
	}
	if !digits(words[2], 1, 2) || !clock(words[3]) {
		return false
	}
	for _, w := range words[4:min(len(words), 7)] {
		if digits(w, 4, 4) {
			return true
		}
	}
	return false
}

func oneOf(word, list string) bool {
	return len(word) == 3 && strings.Contains(list, word)
}

func digits(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// clock reports whether a word is a time of day, with or without seconds.
func clock(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return false
	}
	for _, p := range parts {
		if !digits(p, 1, 2) {
			return false
		}
	}
	return true
}
