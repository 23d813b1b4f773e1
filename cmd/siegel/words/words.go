// Package words puts what the command line library says into the user's language.
// It is part of the command siegel.
package words

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Words speaks the user's language.
type Words struct {
	Say func(sentence string, args ...any) string
}

// Translate has the help and cobra's own words in the user's language.
func (w Words) Translate(root, help *cobra.Command) {
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.SetVersionTemplate("siegel {{.Version}}\n")
	root.SetHelpCommand(help)
	root.InitDefaultHelpCmd()
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { w.help(cmd, cmd.OutOrStdout()) })
	w.translateEach(root)
	if v := root.Flags().Lookup("version"); v != nil {
		v.Usage = w.Say("print the version")
	}
}

func (w Words) translateEach(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	if h := cmd.Flags().Lookup("help"); h != nil {
		h.Usage = w.Say("say what the command does")
	}
	for _, sub := range cmd.Commands() {
		w.translateEach(sub)
	}
}

// suggestWithin is how many letters a command may differ from one that is
// suggested.
const suggestWithin = 2

// Unknown says what to do about a command that is not there.
func (w Words) Unknown(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = suggestWithin
	if list := cmd.SuggestionsFor(name); len(list) > 0 {
		return w.Say("there is no command %q; did you mean %s %s?", name, cmd.CommandPath(), list[0])
	}
	return w.Say("there is no command %q; %s --help lists them", name, cmd.CommandPath())
}

// Flag says what is wrong with the flags.
func (w Words) Flag(err error) string {
	var missing *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		return w.Say("there is no option %s", dashes(missing.GetSpecifiedName(), missing.GetSpecifiedShortnames()))
	case errors.As(err, &bare):
		return w.Say("the option %s needs a value", "--"+bare.GetFlag().Name)
	case errors.As(err, &wrong):
		return w.Say("%q is no value for the option %s", wrong.GetValue(), "--"+wrong.GetFlag().Name)
	default:
		return err.Error()
	}
}

// dashes writes an option as it was typed.
func dashes(name, short string) string {
	if short != "" {
		return "-" + name
	}
	return "--" + name
}
