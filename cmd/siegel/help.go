package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// translate puts cobra's own words into the user's language.
func (c *cli) translate(root *cobra.Command) {
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.SetVersionTemplate("siegel {{.Version}}\n")
	root.SetHelpCommand(c.helpCommand())
	root.InitDefaultHelpCmd()
	template := root.UsageTemplate()
	for _, s := range []string{"Usage:", "Available Commands:", "Global Flags:", "Flags:", "Examples:"} {
		template = strings.ReplaceAll(template, s, c.say(s))
	}
	template = strings.ReplaceAll(template, `Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		c.say(`{{.CommandPath}} [command] --help says more about a command.`))
	template = strings.ReplaceAll(template, "{{.CommandPath}} [command]", "{{.CommandPath}} "+c.say("[command]"))
	root.SetUsageTemplate(template)
	c.translateEach(root)
	if v := root.Flags().Lookup("version"); v != nil {
		v.Usage = c.say("print the version")
	}
}

func (c *cli) translateEach(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	if h := cmd.Flags().Lookup("help"); h != nil {
		h.Usage = c.say("say what the command does")
	}
	if !cmd.DisableFlagsInUseLine {
		cmd.DisableFlagsInUseLine = true
		cmd.Use += " " + c.say("[flags]")
	}
	cmd.Flags().VisitAll(c.sayDefault)
	cmd.PersistentFlags().VisitAll(c.sayDefault)
	for _, sub := range cmd.Commands() {
		c.translateEach(sub)
	}
}

// sayDefault puts a flag's default into its explanation, where it is said in the
// user's language. It changes what is printed only, and nothing the second time.
func (c *cli) sayDefault(f *pflag.Flag) {
	zero := map[string]string{"string": "", "int": "0", "bool": "false", "duration": "0s", "stringSlice": "[]"}
	none, known := zero[f.Value.Type()]
	if !known || f.DefValue == none {
		return
	}
	f.Usage += c.say(" (default %s)", f.DefValue)
	f.DefValue = none
}

// helpCommand is siegel help COMMAND.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND…]", Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true, Short: c.say("say what a command does"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return c.unknown(found, rest[0])
			}
			return found.Help()
		},
	}
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: c.words(), Short: c.say("print the version"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := cmd.Root().Version
			return c.result(map[string]string{"version": v}, func() { _, _ = fmt.Fprintln(c.out, "siegel "+v) })
		},
	}
}

// suggestWithin is how many letters a command may differ from one that is
// suggested.
const suggestWithin = 2

// unknown is the error of a command that is not there.
func (c *cli) unknown(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = suggestWithin
	if list := cmd.SuggestionsFor(name); len(list) > 0 {
		return usage(c.say("there is no command %q; did you mean %s %s?", name, cmd.CommandPath(), list[0]))
	}
	return usage(c.say("there is no command %q; %s --help lists them", name, cmd.CommandPath()))
}

// flagError says what is wrong with the flags.
func (c *cli) flagError(err error) string {
	var missing *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		return c.say("there is no option %s", dashes(missing.GetSpecifiedName(), missing.GetSpecifiedShortnames()))
	case errors.As(err, &bare):
		return c.say("the option %s needs a value", "--"+bare.GetFlag().Name)
	case errors.As(err, &wrong):
		return c.say("%q is no value for the option %s", wrong.GetValue(), "--"+wrong.GetFlag().Name)
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

// plural chooses the form of a count.
func plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
