// Package ledger keeps the Merkle logs: per tenant a message log and an audit
// log, and one log of the instance that takes commitments of the tenants'
// checkpoints. Hashes are those of RFC 6962, tiles and checkpoints those of the
// C2SP tlog-tiles and tlog-checkpoint specifications; docs/formats/ledger.md
// says how we use them.
//
// It guarantees that leaves are added in the transaction of what they prove,
// that only committed state is signed, and that nothing is signed which does
// not extend what was signed before.
package ledger
