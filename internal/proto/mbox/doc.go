// Package mbox reads and writes files of many messages (RFC 4155 names the form and
// leaves its variants open). It does no input or output of its own beyond the reader
// or writer that it is given, and its memory does not grow with a message or a file.
//
// # What an entry is
//
// An entry begins with a From_ line: "From ", then anything, then a date as ctime
// writes it ("Thu Nov 26 09:30:00 2026", with or without seconds and a zone), in at
// most 1,000 octets. It stands at the beginning of the file or behind an empty line:
// a line of a body that only begins with "From " tears no message apart. The octets
// of the message are those between its From_ line and the next one, or the end of the
// file, without the empty line that ends the entry, and with quoted lines unquoted.
// Line ends are kept as they are, LF, CRLF or both: nothing is added where the last
// one is missing. A file begins with a From_ line, empty lines before it do not count.
//
// # Variants
//
//   - mboxrd: every line of >*From_ has one > more than in the message. What a
//     [Writer] writes, and what is assumed where nothing says otherwise.
//   - mboxo: a line that begins with From_ has a >, one that begins with >From_ is
//     as it was.
//   - mboxcl: as mboxo, and the header has a Content-Length, which counts the octets
//     of the body as they stand in the file.
//   - mboxcl2: the header has a Content-Length, nothing is quoted.
//
// A Content-Length counts only where the entry ends there: behind it comes the end of
// the file, or an empty line and the next From_ line. Otherwise the entry ends where it
// would without.
//
// # What mboxrd does not carry
//
// A message that has octets and does not end with LF comes back with one more. [Carries]
// tells which they are; everything else comes back as it was: NUL, bare CR, 8-bit, lines
// of any length, no octets at all.
package mbox
