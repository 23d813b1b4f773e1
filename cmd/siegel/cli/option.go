package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"siegel/cmd/siegel/words"
)

// CheckOptions refuses a command line in which an option that takes a value is followed by
// another option: the library would take that one as the value, so that what was meant
// is gone and something else is wrong, or nothing seems to be. A value that begins with two
// dashes is given as --name=value. args is what stands behind the program's name.
//
// It says nothing of what is wrong otherwise, which the library finds.
func (c *CLI) CheckOptions(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil {
		return nil //nolint:nilerr // the library meets it again, and says it
	}
	for i, word := range rest {
		if word == "--" {
			return nil
		}
		f := valued(cmd, word)
		if f == nil || i+1 == len(rest) || !strings.HasPrefix(rest[i+1], "--") {
			continue
		}
		c.JSON = c.JSON || slices.Contains(args, "--json") // nothing was read yet
		name := "--" + f.Name
		return c.wrongOptions(cmd, c.Say("the option %s needs a value, and %s follows it; a value that begins with -- is written as %s", name, rest[i+1], name+"="+rest[i+1]))
	}
	return nil
}

// valued returns the option of a word that has its value in the next one; nil for others.
func valued(cmd *cobra.Command, word string) *pflag.Flag {
	name, is := strings.CutPrefix(word, "--")
	if !is || name == "" {
		return nil
	}
	f := cmd.Flag(name) // not found where it stands with its value, behind =
	if f == nil || f.NoOptDefVal != "" {
		return nil
	}
	return f
}

// WrongOptions says what the library found wrong with the options of a command.
func (c *CLI) WrongOptions(cmd *cobra.Command, err error) error {
	return c.wrongOptions(cmd, words.Words{Say: c.Say}.Flag(err))
}

func (c *CLI) wrongOptions(cmd *cobra.Command, what string) error {
	return Usage(c.Say("the command line cannot be read: %s; %s --help says what it takes", what, cmd.CommandPath()))
}
