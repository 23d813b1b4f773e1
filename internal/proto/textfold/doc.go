// Package textfold folds text for searching, so that people find what they
// mean: without case, without accents, with German umlauts in all three
// spellings. Text and queries go through the same functions.
//
// # What comes out
//
// [Words] returns words of letters and digits only, joined by single spaces:
// fit for an index without further folding. A text has two forms:
//
//   - main: ä ö ü å are written ae oe ue aa (æ ø œ are ae oe oe, ß is ss);
//   - alt: ä ö ü å ø are written a o u a o (æ, œ and ß as in main).
//
// Both have the same number of words in the same order. Everything else is the
// same in both: compatibility forms are decomposed (NFKD), case is folded, marks
// are dropped, ł đ ð þ ħ ı become l d d th h i. Where both forms are equal, alt
// is empty; most texts have no alt.
//
// # Words
//
// Letters and digits (Unicode L and N) make words, everything else separates
// them. So "anna.berg@example.org" is four words, found by each of them and, as
// a phrase, by the whole; host names, file names and numbers with dots likewise.
// Marks, control characters but white space, and invisible format characters
// (soft hyphen, zero-width space and joiners, direction marks) are dropped and
// do not separate. Han, kana, Thai, Lao, Khmer and Burmese are written without
// spaces: each of their letters is a word, and a query for several is a phrase.
// (Korean has spaces; its syllables are decomposed to letters, so that the
// beginning of a word is found as a prefix.) Of longer words the first 64 letters
// count, in each form.
//
// # How index and query combine
//
// Index: [Spellings] has a text's words in their order, each in both spellings where they
// differ, which go to the same place of the index. That takes the room of the words that
// differ, not of the text: nearly every German message has an umlaut.
//
// Query: each word or quoted phrase goes through [Query], which returns the same two
// forms. A query matches a text if the text has the words of main(query) one behind the
// other, each in one of its spellings; for a prefix query (`auto*`, fold without the star)
// the last of them as a beginning. A query can fold to several words even if it was one, so
// it is always asked as a phrase; if it folds to nothing it matches nothing. Several words
// in one query are combined with AND. In FTS5:
//
//	"p1 p2"        for a word or phrase
//	"p1 p2" *      for a prefix
//
// That keeps the promise: a text with ü is found by ü, ue and u; one with ß by ß and ss; a
// text with ue by ue and ü. A text that says "schon" is not found by "schön", which is
// another word.
//
// Who prefers to find more than was asked for (names: "Müller" is to find
// "Muller" too) also asks for alt(query), if it is not empty.
package textfold
