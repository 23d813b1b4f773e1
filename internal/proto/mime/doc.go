// Package mime finds the structure of a message (RFC 5322, RFC 2045, RFC 2046)
// while its bytes pass by, in constant memory and linear time, whatever they are.
//
// One scanner carries two tools, so that there is one notion of structure:
//
//   - [Cutter] cuts a message into consecutive byte ranges that cover it
//     exactly: what the ledger commits to, so that one attachment can be shown
//     without the rest;
//   - [Parser] (or [Read]) reads a message for display and search: fields,
//     the tree of parts, and text; [Open] streams one part's content.
//
// # What is a line
//
// A line ends with LF, and one CR before it belongs to the line break. A CR
// elsewhere is an ordinary byte. So CRLF and bare LF both end lines, bare CR
// does not, and of CR CR LF the first CR belongs to the line.
//
// # What is a header
//
// A header block ends with an empty line (CR CR LF counts as one, messages
// converted twice have it) or, without one, where a line begins with "--": no
// field does, a delimiter whose empty line was lost does. Within it, a line
// that begins with space or tab continues the field; so does a line without
// the form of a field if the field's last character is a semicolon (parameters
// that lost their folding). Behind a line of nothing but white space such a
// line begins the body (an empty line that got blanks). Otherwise it is a
// nameless field of its own, and the header goes on. A block whose first line
// has not the form of a field (an mbox "From " line aside) is no header
// at all: the body begins with it.
//
// # What is a part
//
// Of several Content-Type or Content-Transfer-Encoding fields the first
// counts, and of each its first 16 KiB. A multipart has a boundary of 1 to 8,000
// bytes, blanks at its end removed. A delimiter is a line that begins with
// "--" and the boundary, then perhaps "--", then white space or its end (RFC
// 2046 section 5.1.1: what follows on the line is ignored). The line break before
// it belongs to the delimiter. Delimiters of the innermost multipart are tried
// first; one of an outer multipart ends the inner ones. After its close delimiter
// a multipart has only an epilogue. message/rfc822, message/global and
// message/news are descended into unless they are encoded. What is nested deeper
// than the limit, or lacks a boundary, is a leaf.
//
// The cut is part of what the ledger records: these rules must not change
// without a new format version.
package mime
