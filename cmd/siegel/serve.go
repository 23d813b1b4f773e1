package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/app"
	"siegel/internal/app/config"
)

func (c commands) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Args: c.Words(),
		Short: c.Say("run the server"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context()) },
	}
}

func (c commands) serve(ctx context.Context) (err error) {
	conf, err := config.Load(app.ConfigFile(c.Data, c.Config))
	if err != nil {
		conf.Log = config.LogConf{Level: "info", Format: "text"} // Open says what is wrong
	}
	var level slog.Level
	if level.UnmarshalText([]byte(conf.Log.Level)) != nil {
		level = slog.LevelInfo
	}
	log := c.Log(level, conf.Log.Format)
	a, err := app.Open(ctx, app.Options{Dir: c.Data, ConfigFile: c.Config, Log: log, Now: time.Now, Version: version, Extractor: c.Extractor})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	s, err := app.NewServer(ctx, a)
	if err != nil {
		return err
	}
	if a.Evidence.Stamper == nil {
		log.Warn("no timestamp authority is configured: nothing can be proven to strangers; set timestamps.url and timestamps.roots")
	}
	if at := s.HealthAddr(); at != nil {
		log.Info("door open", "protocol", "health", "address", at.String())
	}
	for _, addr := range s.Addrs() {
		log.Info("door open", "protocol", "lmtp", "address", addr.String())
	}
	for _, addr := range s.JournalAddrs() {
		log.Info("door open", "protocol", "journal", "address", addr.String())
	}
	err = s.Run(ctx)
	log.Info("stopped", "clean", err == nil)
	return err
}
