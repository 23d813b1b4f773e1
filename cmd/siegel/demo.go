package main

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"siegel/internal/app/demo"
)

func (c commands) demoCommand() *cobra.Command {
	var messages string
	var once bool
	cmd := &cobra.Command{
		Use: "demo", Args: c.Words(),
		Short: c.Say("run everything once with real mail, then keep running"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := c.Data
			if !cmd.Flags().Changed("data") {
				dir = "siegel-demo"
			}
			return demo.Run(cmd.Context(), demo.Options{
				Dir: dir, Messages: messages, Once: once, JSON: c.JSON, Verifier: verifier(), Out: c.Out,
				Say: c.Say, Log: c.Log(slog.LevelWarn, "text"), Extractor: c.Extractor,
			})
		},
	}
	cmd.Flags().StringVar(&messages, "messages", "", c.Say("folder with messages (.eml .msg .raw .txt, also in folders below)"))
	cmd.Flags().BoolVar(&once, "once", false, c.Say("end after the walk-through; status 0 only if every step held"))
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
