// Package receive is the first step of the path: the door for mail. It speaks
// LMTP (RFC 2033) on TCP and Unix sockets, takes envelope and octets, and
// answers each recipient with what became of his message.
//
// Guarantees:
//
//   - A recipient gets 250 only after the path returned nil for his tenant's
//     passage, that is after the commit point. A client that vanishes before the
//     end of its message leaves nothing.
//   - The octets of a message are those that the client meant, by DATA and by
//     BDAT alike ([siegel/internal/proto/smtp]).
//   - One transaction with recipients of several tenants makes one passage per
//     tenant, each with its own recipients only; they run in parallel, and no
//     tenant's outcome shows in another's reply.
//   - Memory and time are bounded for every connection and for all together: a
//     client that is slow, silent, loud or broken is ended with 421.
//   - Plain text crosses no network: on an address that is not loopback, mail is
//     taken only after STARTTLS (RFC 3207), with TLS 1.2 or 1.3 (CR-01).
//   - No reply says why beyond its code, and no log line holds an address, a
//     host name or any text of a client.
//
// The commands are one dialogue with a dialect (LMTP today); what differs
// between dialects is in the type of that name.
package receive
