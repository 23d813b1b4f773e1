package trail

// Means reports whether an event is meant.
func (f Filter) Means(e Event) bool { return f.means(e) }

// Check fails where nothing can be meant.
func (f Filter) Check() error { return f.check() }

// Spelled is what a table has of an event's detail.
var Spelled = spelled

// Harmless is what a table has of a text.
var Harmless = harmless
