// Package transfer tests import and export as a person uses them: the real program, a
// real server, files in folders; interrupted at random moments by SIGKILL, with the real
// corpus out and in again.
package transfer
