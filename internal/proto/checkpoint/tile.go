package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// TileWidth is the number of hashes in a full tile (C2SP tlog-tiles).
const TileWidth = 256

// maxLevels bounds the tile levels of a log: 256^8 leaves.
const maxLevels = 8

// TilePath returns where a tile lies below a log's prefix: kind is its level in
// decimal, "entries" for the bundles of entries, or another set of files that
// goes along with level 0. width is 1 to 256, less for a partial tile.
func TilePath(kind string, index int64, width int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for n := index / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "tile/" + kind + "/" + path
	if width < TileWidth {
		path += ".p/" + strconv.Itoa(width)
	}
	return path
}

// Tile is a tile of hashes.
type Tile struct {
	Level int
	Index int64
	Data  []byte // 1 to 256 hashes of 32 octets
}

// Path returns where the tile lies.
func (t Tile) Path() string {
	return TilePath(strconv.Itoa(t.Level), t.Index, len(t.Data)/HashSize)
}

// Edge is the partial tiles at the right of a log, from which it grows and its
// root is computed. The zero Edge is that of the empty log. It belongs to one
// goroutine.
type Edge struct {
	levels [][]tlog.Hash // level i has the roots of subtrees of 256^i leaves that no full tile holds yet
}

// Add takes the hash of a leaf, after which the log has size leaves, and
// returns the tiles that it completes.
func (e *Edge) Add(size int64, h Hash) (full []Tile) {
	next := tlog.Hash(h)
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, nil)
		}
		e.levels[level] = append(e.levels[level], next)
		if len(e.levels[level]) < TileWidth {
			return full
		}
		full = append(full, Tile{level, size>>(8*(level+1)) - 1, join(e.levels[level])})
		next = Perfect(e.levels[level])
		e.levels[level] = nil
	}
}

func join(hashes []tlog.Hash) []byte {
	data := make([]byte, 0, len(hashes)*HashSize)
	for _, x := range hashes {
		data = append(data, x[:]...)
	}
	return data
}

// Partial returns the partial tiles of a log of that size, lowest level first.
func (e *Edge) Partial(size int64) (tiles []Tile) {
	for level, hashes := range e.levels {
		if len(hashes) > 0 {
			tiles = append(tiles, Tile{level, size >> (8 * (level + 1)), join(hashes)})
		}
	}
	return tiles
}

// Hashes returns the partial tile of a level, nil where there is none.
func (e *Edge) Hashes(level int) []tlog.Hash {
	if level >= len(e.levels) {
		return nil
	}
	return e.levels[level]
}

// Root returns the root of the log: the perfect subtrees from left to right are
// its binary parts, put together from the right (RFC 6962 section 2.1).
func (e *Edge) Root() Hash {
	var roots []tlog.Hash
	for level := len(e.levels) - 1; level >= 0; level-- {
		rest := e.levels[level]
		for bit := TileWidth / 2; bit > 0; bit /= 2 {
			if len(rest)&bit != 0 {
				roots = append(roots, Perfect(rest[:bit]))
				rest = rest[bit:]
			}
		}
	}
	if len(roots) == 0 {
		return sha256.Sum256(nil)
	}
	root := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		root = tlog.NodeHash(roots[i], root)
	}
	return Hash(root)
}

// Perfect returns the root over a power of two of hashes.
func Perfect(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(Perfect(hashes[:half]), Perfect(hashes[half:]))
}

// Bytes encodes the edge: per level a 16-bit count and the hashes.
func (e *Edge) Bytes() []byte {
	var out []byte
	for _, level := range e.levels {
		out = binary.BigEndian.AppendUint16(out, uint16(len(level)))
		out = append(out, join(level)...)
	}
	return out
}

// ParseEdge is the inverse of Bytes.
func ParseEdge(b []byte) (Edge, error) {
	var e Edge
	for len(b) > 0 {
		if len(b) < 2 {
			return e, fmt.Errorf("edge: %w", ErrFormat)
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n >= TileWidth || len(b) < n*HashSize || len(e.levels) == maxLevels {
			return e, fmt.Errorf("edge: %w", ErrFormat)
		}
		var level []tlog.Hash
		for range n {
			level = append(level, tlog.Hash(b[:HashSize]))
			b = b[HashSize:]
		}
		e.levels = append(e.levels, level)
	}
	return e, nil
}
