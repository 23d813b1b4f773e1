// Package fault has the tests of whole servers under bad input and bad luck:
// malformed mail, a full disk, damage on disk, a clock that goes back.
package fault
