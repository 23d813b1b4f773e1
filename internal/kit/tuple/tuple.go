// Package tuple writes lists of octet strings so that two different lists
// never give the same octets. Keys, hashes and sealed things are bound to their
// context with it (docs/formats/tuple.md).
package tuple

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrFormat is returned for octets that Make did not write.
var ErrFormat = errors.New("tuple: not a tuple")

// Make returns the tuple of the label and the fields: each as a 32-bit
// big-endian length and the octets.
func Make(label string, fields ...[]byte) []byte {
	n := 4 + len(label)
	for _, f := range fields {
		n += 4 + len(f)
	}
	out := make([]byte, 0, n)
	out = add(out, []byte(label))
	for _, f := range fields {
		out = add(out, f)
	}
	return out
}

func add(out, field []byte) []byte {
	if uint64(len(field)) > math.MaxUint32 {
		// No caller has fields of 4 GiB; going on would break the promise above.
		panic("tuple: a field has 4 GiB or more")
	}
	out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
	return append(out, field...)
}

// Parse is the inverse of Make. It fails with ErrFormat where the label differs
// or a length leads outside. The fields share b's memory.
func Parse(label string, b []byte) ([][]byte, error) {
	var fields [][]byte
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, ErrFormat
		}
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		if uint64(n) > uint64(len(b)) {
			return nil, ErrFormat
		}
		fields = append(fields, b[:n:n])
		b = b[n:]
	}
	if len(fields) == 0 || string(fields[0]) != label {
		return nil, ErrFormat
	}
	return fields[1:], nil
}

// Uint64 returns the eight big-endian octets of a number, as a field.
func Uint64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
