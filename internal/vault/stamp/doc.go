// Package stamp asks for RFC 3161 timestamps and verifies them: the token's own
// signature, that its certificate may stamp and leads to a root that was given,
// and that it stamps what it should. client speaks HTTP, authority is an
// authority for tests that proves nothing.
//
// This package itself has no connections and imports none, so that the offline
// verifier can carry it. Tokens, certificates and revocation lists come from
// outside; everything is bounded and read as strict DER.
package stamp
