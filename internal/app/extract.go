package app

import (
	"os"
	"os/exec"

	"siegel/internal/index/extract"
)

// ExtractCommand returns the command that starts this program as the process that reads
// documents (see [Extract]), which its main function recognises by the first argument. pdftotext is looked for here, since the child has no environment.
//
// It returns none where the program does not know where it lies: attachments wait then.
func ExtractCommand() []string {
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	command := []string{program, ExtractWord}
	if path, err := exec.LookPath(pdftotext); err == nil {
		command = append(command, path)
	}
	return command
}

// ExtractWord is the first argument of the process that reads documents. People do not
// give this command.
const ExtractWord = "extract"

// pdftotext is the program of poppler that reads PDF.
const pdftotext = "pdftotext"

// Extract is all that the process does that reads documents: args are what stands behind
// the program's name. It returns its exit status.
func Extract(args []string) int {
	given, confined, ok := extract.Achieved(args)
	if !ok {
		// Where the kernel takes nothing from it, the bounds hold all the same.
		_ = extract.Confine(args)
	}
	if extract.Settle() != nil {
		return 1
	}
	c := extract.Child{Confined: confined}
	if len(given) > 1 {
		c.PDF = extract.Pdftotext(given[1])
	}
	if err := c.Serve(os.Stdin, os.Stdout); err != nil {
		return 1
	}
	return 0
}
