// Package query is the language of searches (requirement EX-04): words,
// "phrases", prefix*, OR, -not, parentheses around alternatives, and operators with a value behind a colon. It
// turns what people type into what SQLite FTS5 and SQL ask for, and into chips
// that a page shows one by one.
//
// All terms must hold. -term must not, and of terms with OR between them one
// must; OR binds closer than the rest. Parentheses may stand around terms that all have
// OR between them, and say the same. Where no OR is in them or beside them they are
// punctuation, as in a subject that was pasted; what would mean more than OR does without
// them is refused: a second term without OR, parentheses in others, behind - or an
// operator, one that is not closed. In quotation marks and inside of words they are text.
// A word without an operator is looked for
// everywhere; from: to: cc: subject: body: attachment: filename: look in one
// place; attachment: in the text of attachments and in their names. before:
// after: on: compare the day of sending in UTC, larger: (at least) and smaller:
// (less than) the size in octets, k, M and G being powers of 1,024;
// has:attachment asks for an attachment, has:unreadable for one that could not be read
// and has:waiting for one that waits to be read, of both of which no search finds the
// text. Words are folded as package textfold
// says. tag: and in: belong to rooms that do not exist yet and are refused.
package query
