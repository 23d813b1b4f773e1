// Package header reads the header fields of mail as they are really sent:
// names and values (RFC 5322 section 2.2), encoded words (RFC 2047), media
// types and parameters (RFC 2045 section 5.1, RFC 2231), addresses (RFC 5322
// section 3.4), dates (section 3.3) and message identifiers (section 3.6.4).
//
// Nothing here fails. Damaged input yields what can be read of it, and what
// cannot be read yields the zero value. Three promises hold for every input:
//
//   - every string returned is valid UTF-8 and has no control characters, so a
//     decoded value never opens a second line;
//   - the work is linear in the input;
//   - what is returned is bounded by the input and by the limits named at each
//     function.
//
// Structure is found before anything is decoded: a comma, bracket or line
// break that an encoded word hides never separates addresses.
//
// All functions are pure and may be called from many goroutines.
package header
