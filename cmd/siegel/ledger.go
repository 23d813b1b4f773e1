package main

import "github.com/spf13/cobra"

func (c *cli) ledgerCommand() *cobra.Command {
	return &cobra.Command{Use: "ledger", Short: c.say("check and export the ledger"), Args: cobra.ArbitraryArgs, RunE: c.group}
}
