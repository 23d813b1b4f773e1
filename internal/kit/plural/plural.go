// Package plural writes sentences with counts in them.
package plural

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
)

// part is a verb of fmt, with its index where it has one, or a choice.
var part = regexp.MustCompile(`%[-+# 0]*(?:\[(\d+)\])?[-+# 0-9.]*([a-zA-Z%])|\{([^{}|]*)\|([^{}|]*)\}`)

// Format is fmt.Sprintf with one thing more: of {one|many} it writes the first
// where the whole number before it is 1, and otherwise the second, as in
//
//	Format("%d {message is|messages are} there", n)
//
// Where no whole number stands before it, it is many.
func Format(sentence string, args ...any) string {
	next, last := 0, int64(0) // the argument that the next verb takes; the number before
	chosen := part.ReplaceAllStringFunc(sentence, func(s string) string {
		m := part.FindStringSubmatch(s)
		switch {
		case s[0] == '{' && last == 1:
			return m[3]
		case s[0] == '{':
			return m[4]
		case m[2] == "%":
			return s
		case m[1] != "":
			if i, err := strconv.Atoi(m[1]); err == nil {
				next = i - 1
			}
		}
		if next >= 0 && next < len(args) {
			last = count(args[next], last)
		}
		next++
		return s
	})
	return fmt.Sprintf(chosen, args...)
}

// count returns a whole number, or the one before for what is none.
func count(a any, before int64) int64 {
	switch v := reflect.ValueOf(a); {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(min(v.Uint(), 2)) // 0, 1 or many
	default:
		return before
	}
}
