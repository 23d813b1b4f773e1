// Package query is the language of searches (requirement EX-04): words,
// "phrases", prefix*, OR, -not, and operators with a value behind a colon. It
// turns what people type into what SQLite FTS5 and SQL ask for, and into chips
// that a page shows one by one.
//
// All terms must hold. -term must not, and of terms with OR between them one
// must; OR binds closer than the rest. A word without an operator is looked for
// everywhere; from: to: cc: subject: body: attachment: filename: look in one
// place; attachment: in the text of attachments and in their names. before:
// after: on: compare the day of sending in UTC, larger: (at least) and smaller:
// (less than) the size in octets, k, M and G being powers of 1,024;
// has:attachment asks for an attachment. Words are folded as package textfold
// says. tag: and in: belong to rooms that do not exist yet and are refused.
package query
