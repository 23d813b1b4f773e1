// Package canary plants random words in everything that a server must keep
// secret, lets the real program work, dies in the middle of a message, and then
// looks for the words in every file that there is, in every form in which they
// might lie there.
package canary
