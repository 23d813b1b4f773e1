package trail

// Means reports whether an event is meant.
func (f Filter) Means(e Event) bool { return f.means(e) }

// Check fails where nothing can be meant.
func (f Filter) Check() error { return f.check() }

// Harmless is what a table has of a text.
var Harmless = harmless
