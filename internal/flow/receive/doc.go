// Package receive is the first step of the path: the doors for mail. One speaks
// LMTP (RFC 2033) on TCP and Unix sockets and answers each recipient with what
// became of his message; the other speaks SMTP (RFC 5321) on TCP, for mail servers
// that journal, takes mail of registered sources alone (decision D17), and answers
// once. Both take envelope and octets by the same reader.
//
// Guarantees:
//
//   - A recipient gets 250 only after the path returned nil for his tenant's
//     passage, that is after the commit point. A client that vanishes before the
//     end of its message leaves nothing.
//
//   - The octets of a message are those that the client meant, by DATA and by
//     BDAT alike ([siegel/internal/proto/smtp]).
//
//   - One transaction with recipients of several tenants makes one passage per
//     tenant, each with its own recipients only; they run in parallel, and no
//     tenant's outcome shows in another's reply.
//
//   - Memory and time are bounded for every connection and for all together: a
//     client that is slow, silent, loud or broken is ended with 421.
//
//   - Plain text crosses no network: on an address that is not loopback, mail is
//     taken only after STARTTLS (RFC 3207), with TLS 1.2 or 1.3 (CR-01).
//
//   - No reply says why beyond its code, and no log line holds an address, a
//     host name or any text of a client.
//
//   - By the journal door comes only what a source of a tenant hands in. Who is none
//     gets one and the same 550 for every address; secrets are taken under TLS only
//     (RFC 4954), and guessing them is slow. A transaction is of one source.
//
// The commands are one dialogue with a dialect; what differs between dialects is in
// the type of that name.
package receive
