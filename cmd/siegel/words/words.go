// Package words puts what the command line library says into the user's language.
// It is part of the command siegel.
package words

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Words speaks the user's language.
type Words struct {
	Say func(sentence string, args ...any) string
}

// Translate puts cobra's own words into the user's language.
func (w Words) Translate(root, help *cobra.Command) {
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.SetVersionTemplate("siegel {{.Version}}\n")
	root.SetHelpCommand(help)
	root.InitDefaultHelpCmd()
	template := root.UsageTemplate()
	for _, s := range []string{"Usage:", "Available Commands:", "Global Flags:", "Flags:", "Examples:"} {
		template = strings.ReplaceAll(template, s, w.Say(s))
	}
	template = strings.ReplaceAll(template, `Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		w.Say(`{{.CommandPath}} [command] --help says more about a command.`))
	template = strings.ReplaceAll(template, "{{.CommandPath}} [command]", "{{.CommandPath}} "+w.Say("[command]"))
	root.SetUsageTemplate(template)
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
	if !cmd.DisableFlagsInUseLine {
		cmd.DisableFlagsInUseLine = true
		cmd.Use += " " + w.Say("[flags]")
	}
	cmd.Flags().VisitAll(w.sayDefault)
	cmd.PersistentFlags().VisitAll(w.sayDefault)
	for _, sub := range cmd.Commands() {
		w.translateEach(sub)
	}
}

// sayDefault puts a flag's default into its explanation, where it is said in the
// user's language. It changes what is printed only, and nothing the second time.
func (w Words) sayDefault(f *pflag.Flag) {
	zero := map[string]string{"string": "", "int": "0", "bool": "false", "duration": "0s", "stringSlice": "[]"}
	none, known := zero[f.Value.Type()]
	if !known || f.DefValue == none {
		return
	}
	f.Usage += w.Say(" (default %s)", f.DefValue)
	f.DefValue = none
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

// Plural chooses the form of a count.
func Plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
