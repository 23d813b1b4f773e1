// Package interop runs Siegel together with the programs that people run beside
// it, as docs/operations.md tells them to. Its tests need Debian packages that
// make deps-test installs, and say that they were skipped where these are absent.
package interop
