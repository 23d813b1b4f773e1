package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"siegel/cmd/siegel/cli"
	"siegel/internal/front/console"
)

// EX-19: no option of any command takes the option that follows it for its value.
func TestOptionsDoNotSwallowEachOther(t *testing.T) {
	c := cli.New("test", nil)
	root := commands{c}.root()
	var looked int
	each(root, func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		check := func(words ...string) error {
			return c.CheckOptions(root, append(append([]string(nil), path...), words...))
		}
		options(cmd, func(f *pflag.Flag) {
			name := "--" + f.Name
			if f.NoOptDefVal != "" {
				if err := check(name, "--data", "data"); err != nil {
					t.Errorf("%s %s takes no value: %v", cmd.CommandPath(), name, err)
				}
				return
			}
			looked++
			if f.Shorthand != "" {
				t.Errorf("%s -%s takes a value, which CheckOptions does not look at", cmd.CommandPath(), f.Shorthand)
			}
			for _, next := range []string{"--data", "--json", "--", "--nonsense"} {
				err := check("word", name, next, "data")
				if e, ok := errors.AsType[*console.Error](err); !ok || !strings.Contains(e.Text, name+" needs a value, and "+next+" follows it") {
					t.Errorf("%s %s %s: %v", cmd.CommandPath(), name, next, err)
				}
				if err := check(name+"="+next, "--json"); err != nil {
					t.Errorf("%s %s=%s: %v", cmd.CommandPath(), name, next, err)
				}
				if err := check("--", name, next); err != nil {
					t.Errorf("%s -- %s %s, which are no options: %v", cmd.CommandPath(), name, next, err)
				}
			}
			for _, value := range []string{"value", "-", "-1", ""} {
				if err := check(name, value, "--json"); err != nil {
					t.Errorf("%s %s %q: %v", cmd.CommandPath(), name, value, err)
				}
			}
		})
	})
	if looked < 100 {
		t.Errorf("only %d options were looked at", looked)
	}
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

// options are those of a command and those that it has from the ones above.
func options(cmd *cobra.Command, do func(*pflag.Flag)) {
	cmd.LocalFlags().VisitAll(do)
	cmd.InheritedFlags().VisitAll(do)
}
