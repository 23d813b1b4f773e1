// Package smtp reads and writes the wire format of SMTP and LMTP, byte for
// byte.
//
// It holds what a server needs (commands, message data, chunks, replies) and a
// small strict client. Nothing in it opens a connection, starts a goroutine,
// keeps time or decides policy: time limits belong to the connection below,
// decisions to the room above.
//
// Guarantees:
//
//   - Only CRLF ends a command, and only CRLF.CRLF ends message data (or .CRLF
//     when it is the first line). A bare CR or bare LF never begins a line, so
//     nothing inside a message can be taken for a command by one party and for
//     text by the other.
//   - A reader gives back the octets that the client meant: DATA after removal
//     of the stuffed periods, BDAT unchanged. Lines of data have no limit.
//   - Memory is bounded by the size of the [bufio.Reader] that is passed in and
//     by [MaxLine], whatever the other side sends.
//   - No reply can carry a line break or a control character that its text did
//     not ask for.
//
// Sources: RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 2034
// (enhanced status codes), RFC 2920 (pipelining), RFC 3030 (CHUNKING), RFC 3207
// (STARTTLS), RFC 3461 (DSN parameters), RFC 4954 (AUTH), RFC 6152 (8BITMIME),
// RFC 6531 (SMTPUTF8).
package smtp
