// Package api is the door for programs: everything that people can do on the pages, as
// HTTP and JSON, described by the OpenAPI 3.1 document that it serves (requirement EX-18).
// It has no rules of its own: what a person may do, the rooms decide.
//
// Who has signed in comes back with the same cookie as a browser. Errors are problem
// details (RFC 9457) in the caller's language, lists are Paged by cursors, single things
// have ETags (RFC 9110 section 8.8.3), and what changes something may bear an idempotency
// key (draft-ietf-httpapi-idempotency-key-header).
package api
