package demo_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/app/demo"
	"siegel/internal/kit/text"
)

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	err := demo.Run(t.Context(), demo.Options{
		Dir: filepath.Join(dir, "data"), Once: true, Out: os.Stdout,
		Say: func(s string, a ...any) string { return text.New().Say(text.German, s, a...) }, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
}
