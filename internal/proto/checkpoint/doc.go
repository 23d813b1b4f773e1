// Package checkpoint is what our logs show to the outside, in the forms of the
// C2SP specifications signed-note, tlog-checkpoint, tlog-proof, tlog-witness and
// tlog-tiles: signed notes, checkpoints, keys, proofs, the paths and the
// partial tiles of a log. docs/formats/ledger.md says how we use them. Pure
// functions on octets; nothing here holds a private key.
package checkpoint
