// Package extract reads the text of attachments in a child process, a fresh one for each
// message: a program that is given one document after the other over a pipe and answers
// with words. A document
// that hangs it, or takes too much memory or time, ends the child and costs that
// document alone. Plaintext is in pipes and in the memory of the child, never in a
// file; the child sees no key, no environment, no network and, where the kernel has
// Landlock, no file but programs and their libraries (docs/threats.md).
//
// [Reader] is the parent's half, [Serve] and [Confine] are the child's.
package extract
