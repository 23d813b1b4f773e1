// Package bundle is the proof bundle (docs/formats/bundle.md): one file with
// which a third party verifies, without the server, that a message is the one
// that was archived, and when. It is a ZIP whose every octet follows from what
// it says: the verifier builds it again from the parts that it read and compares,
// so that no bit is free.
//
// Timestamps are verified behind an interface, because the certificates need
// more than this floor may import: vault/stamp implements it.
package bundle

import "errors"

// ErrFormat is returned for octets that are no bundle, or not its one spelling.
var ErrFormat = errors.New("bundle: not a Siegel bundle, or not its one spelling")
