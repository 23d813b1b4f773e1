// Package app is the composition root: it reads the configuration, opens what
// is kept, builds every room in the order of a message's path, and runs the
// services. It alone knows which drivers there are.
package app
