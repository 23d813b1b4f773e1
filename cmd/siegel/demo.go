package main

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"siegel/internal/app/demo"
)

func (c *cli) demoCommand() *cobra.Command {
	var messages string
	var once bool
	cmd := &cobra.Command{
		Use: "demo", Args: c.words(),
		Short: c.say("run everything once with real mail, then keep running"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := c.data
			if !cmd.Flags().Changed("data") {
				dir = "siegel-demo"
			}
			return demo.Run(cmd.Context(), demo.Options{
				Dir: dir, Messages: messages, Once: once, JSON: c.json, Verifier: verifier(), Out: c.out,
				Say: c.say, Log: c.log(slog.LevelWarn, "text"),
			})
		},
	}
	cmd.Flags().StringVar(&messages, "messages", "", c.say("folder with messages (.eml .msg .raw .txt, also in folders below)"))
	cmd.Flags().BoolVar(&once, "once", false, c.say("end after the walk-through; status 0 only if every step held"))
	return cmd
}

// verifier finds siegel-verify: beside this program, or on the path.
func verifier() string {
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), "siegel-verify")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	found, err := exec.LookPath("siegel-verify")
	if err != nil {
		return "siegel-verify" // running it will say that it is missing
	}
	return found
}
