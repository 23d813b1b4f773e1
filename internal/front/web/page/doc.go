// Package page is what all pages for browsers have in common: the frame around them, the
// two languages, how a call is answered, and the page of an error. A room of pages brings
// its templates and its handlers.
package page
