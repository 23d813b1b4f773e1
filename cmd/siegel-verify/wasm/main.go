//go:build js && wasm

// Command wasm is the verifier for the proof page. The page's worker sets
// globalThis.siegel: size, key, roots, read(offset, n) and done(answer). It has no
// other way to the world, and takes one call.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"syscall/js"

	"siegel/cmd/siegel-verify/page"
)

func main() {
	host := js.Global().Get("siegel")
	file := &blob{read: host.Get("read"), size: int64(host.Get("size").Float()), at: -1}
	answer, err := json.Marshal(page.Verify(page.Given{
		Bundle: file, Size: file.size, Key: octets(host.Get("key")), Roots: octets(host.Get("roots")),
	}))
	if err == nil {
		host.Call("done", string(answer))
	} // otherwise the worker says that nothing came of it
}

// octets copies a Uint8Array.
func octets(v js.Value) []byte {
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

// block is how much is asked for at once: each call out costs as much as hashing
// some ten thousand octets.
const block = 1 << 20

var errRead = errors.New("the file cannot be read")

// blob is the bundle's file, of which the last block is kept. It is for one
// goroutine.
type blob struct {
	read js.Value // (offset, n) gives a Uint8Array of n octets, or null
	size int64

	at   int64 // of the block; -1 for none
	held []byte
}

// ReadAt implements [io.ReaderAt].
func (b *blob) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		from := at + int64(n)
		if from < 0 || from >= b.size {
			return n, io.EOF
		}
		if err := b.hold(from - from%block); err != nil {
			return n, err
		}
		n += copy(p[n:], b.held[from-b.at:])
	}
	return n, nil
}

// hold gets the block at an offset.
func (b *blob) hold(at int64) error {
	if b.at == at {
		return nil
	}
	v := b.read.Invoke(float64(at), float64(min(block, b.size-at)))
	if v.IsNull() || int64(v.Length()) != min(block, b.size-at) {
		b.at = -1
		return errRead
	}
	b.at, b.held = at, octets(v)
	return nil
}
