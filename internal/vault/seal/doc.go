// Package seal holds the keys: holders, terms, locks, grants, batch keys and
// wraps, and the two ways in which octets are sealed, streams and boxes. The
// formats are docs/formats/keys.md and seal.md.
//
// It guarantees that no private key's octets leave it: other rooms get handles,
// a [Session] for what an unlocked person reaches, a [Data] key for one message.
// The server can always seal, because that takes public keys only; it opens
// nothing without a session.
package seal
