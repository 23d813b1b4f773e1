package words

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// width is how many columns the help takes.
const width = 110

// help says what a command does and takes.
func (w Words) help(cmd *cobra.Command, out io.Writer) {
	_, _ = fmt.Fprintln(out, fold(sentence(cmd.Short), 0)) // the sink keeps the error
	if cmd.Long != "" {
		for part := range strings.SplitSeq(cmd.Long, "\n\n") {
			_, _ = fmt.Fprintln(out, "\n"+fold(part, 0))
		}
	}
	_, _ = fmt.Fprintf(out, "\n%s\n", w.Say("Usage:"))
	var own, general pflag.FlagSet
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" && cmd.HasParent() {
			general.AddFlag(f)
			return
		}
		own.AddFlag(f)
	})
	general.AddFlagSet(cmd.InheritedFlags())
	subs := cmd.HasAvailableSubCommands()
	if !subs || own.HasFlags() && cmd.HasParent() {
		line := "  " + cmd.CommandPath() + w.arguments(cmd)
		if own.HasFlags() || general.HasFlags() {
			line += " [" + w.Say("options") + "]"
		}
		_, _ = fmt.Fprintln(out, line)
	}
	if subs {
		_, _ = fmt.Fprintln(out, "  "+cmd.CommandPath()+" "+w.Say("COMMAND"))
		w.commands(cmd, out)
	}
	if cmd.Example != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n%s\n", w.Say("Example:"), cmd.Example)
	}
	w.flags(w.Say("Options:"), &own, out)
	w.flags(w.Say("General options:"), &general, out)
	if subs {
		_, _ = fmt.Fprintf(out, "\n%s\n", w.Say("%s COMMAND --help says more about a command.", cmd.CommandPath()))
	}
}

// arguments returns what a command takes behind its name.
func (w Words) arguments(cmd *cobra.Command) string {
	line := ""
	for _, a := range strings.Fields(cmd.Use)[1:] {
		line += " " + w.Say(a)
	}
	return line
}

func (w Words) commands(cmd *cobra.Command, out io.Writer) {
	_, _ = fmt.Fprintf(out, "\n%s\n", w.Say("Commands:"))
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			_, _ = fmt.Fprintf(out, "  %-*s  %s\n", cmd.NamePadding()-1, sub.Name(), fold(sub.Short, cmd.NamePadding()+3))
		}
	}
}

func (w Words) flags(title string, set *pflag.FlagSet, out io.Writer) {
	if !set.HasFlags() {
		return
	}
	_, _ = fmt.Fprintf(out, "\n%s\n", title)
	column := 0
	set.VisitAll(func(f *pflag.Flag) { column = max(column, utf8.RuneCountInString(w.left(f))) })
	set.VisitAll(func(f *pflag.Flag) {
		_, _ = fmt.Fprintf(out, "  %-*s  %s\n", column, w.left(f), fold(w.meaning(f), column+4))
	})
}

// left is an option as it is typed.
func (w Words) left(f *pflag.Flag) string {
	short := "    "
	if f.Shorthand != "" {
		short = "-" + f.Shorthand + ", "
	}
	value := ""
	if f.Value.Type() != "bool" {
		value = " " + w.value(f)
	}
	return short + "--" + f.Name + value
}

// value is the word for what an option takes.
func (w Words) value(f *pflag.Flag) string {
	switch f.Name {
	case "data", "messages", "codes", "to":
		return w.Say("FOLDER")
	case "as", "person", "administrator", "keeper", "auditor", "reader", "add", "remove", "address", "for":
		return w.Say("ADDRESS")
	case "role":
		return w.Say("ROLE")
	case "environment", "name", "tenant":
		return w.Say("NAME")
	case "domain", "confirm-domain":
		return w.Say("DOMAIN")
	case "since", "until":
		return w.Say("DAY")
	case "what":
		return w.Say("EVENT")
	case "config", "output", "certificate", "report", "recipients":
		return w.Say("FILE")
	case "network":
		return w.Say("NETWORK")
	}
	switch {
	case strings.HasSuffix(f.Name, "-file"):
		return w.Say("FILE")
	case f.Value.Type() == "int":
		return w.Say("NUMBER")
	case f.Value.Type() == "duration":
		return w.Say("DURATION")
	default:
		return w.Say("TEXT")
	}
}

// meaning is what an option means, with its default.
func (w Words) meaning(f *pflag.Flag) string {
	zero := map[string]string{"string": "", "int": "0", "bool": "false", "duration": "0s", "stringSlice": "[]"}
	text := f.Usage
	if f.Value.Type() == "stringSlice" {
		text += w.Say(" (repeatable)")
	}
	if f.DefValue != zero[f.Value.Type()] {
		text += w.Say(" (default: %s)", f.DefValue)
	}
	return text
}

// sentence begins with a capital letter and has an end.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if strings.HasSuffix(s, ":") {
		return s
	}
	return s + "."
}

// fold breaks a text into lines, all but the first behind so many blanks.
func fold(s string, indent int) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
