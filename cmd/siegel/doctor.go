package main

import "github.com/spf13/cobra"

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: c.say("say what is wrong and how to mend it"), Args: c.words(), RunE: c.group}
}
