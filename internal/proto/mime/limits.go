package mime

// Limits bounds what is kept of one message. A zero field means its default.
// Whatever the limits, the work is linear in the length of the message.
type Limits struct {
	// Depth is how many multiparts and embedded messages may lie inside each
	// other; the content of deeper ones is one leaf. Default and maximum 32.
	Depth int
	// Ranges is how many ranges a [Cutter] makes; the last one then takes the
	// rest of the message. Default 16,384.
	Ranges int
	// Header is how many bytes of header fields a [Parser] keeps in
	// [Message.Fields] and [Part.Fields] together, counting at least 64 per
	// field, and the longest field it reads. No field gets more than half of
	// what is left, so that a giant one does not hide those behind it. Default
	// 256 KiB.
	Header int
	// Parts is how many parts a [Parser] lists. Default 10,000.
	Parts int
	// Text is how many bytes of text a [Parser] keeps of all parts together.
	// Default 4 MiB.
	Text int
}

const (
	maxDepth     = 32
	maxBoundary  = 8000
	maxStructure = 16 << 10 // bytes of a field that structure is read from
	minFieldCost = 64       // of Limits.Header, for bombs of tiny fields
)

// orDefaults returns the limits with zero and impossible fields replaced.
func (l Limits) orDefaults() Limits {
	set := func(v *int, standard int) {
		if *v <= 0 {
			*v = standard
		}
	}
	set(&l.Depth, maxDepth)
	l.Depth = min(l.Depth, maxDepth)
	set(&l.Ranges, 16_384)
	set(&l.Header, 256<<10)
	set(&l.Parts, 10_000)
	set(&l.Text, 4<<20)
	return l
}
