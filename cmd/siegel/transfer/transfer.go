// Package transfer has the commands that bring mail of the past into the archive and
// take it out again: siegel import and siegel export. It reads and writes the files of
// whoever gives the command; messages go to and from the server over its socket, one
// after the other, so that memory does not grow with their number. It is part of the
// command siegel.
package transfer

import (
	"siegel/cmd/siegel/cli"
)

// Commands makes the commands.
type Commands struct{ *cli.CLI }
