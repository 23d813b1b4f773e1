package operation

// ParseKey reads an idempotency key, for the tests.
func ParseKey(s string) (key string, ok bool) { return parseKey(s) }

// Matches reports whether a list of ETags has one, for the tests.
func Matches(list, tag string, weak bool) bool { return matches(list, tag, weak) }
