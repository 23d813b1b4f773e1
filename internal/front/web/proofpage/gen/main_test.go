package main

import (
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	got, err := fill("a{{one}}b{{two}}c", []part{{"one", "{{two}}"}, {"two", "2"}})
	if err != nil || string(got) != "a{{two}}b2c" {
		t.Errorf("%s, %v", got, err)
	}
	for _, tt := range []struct {
		template string
		parts    []part
	}{
		{"no place", []part{{"one", "1"}}},
		{"{{one}} twice {{one}}", []part{{"one", "1"}}},
		{"{{two}} first {{one}}", []part{{"one", "1"}, {"two", "2"}}},
		{"{{one}}", []part{{"one", "ends </SCRIPT> here"}}},
		{"{{one}}", []part{{"one", "<!--"}}},
		{"{{one}}", []part{{"one", "a\r\nb"}}}, // a browser hashes it without the CR
	} {
		if got, err := fill(tt.template, tt.parts); err == nil {
			t.Errorf("%q: %s", tt.template, got)
		}
	}
}

func TestTokens(t *testing.T) {
	const sheet = ":root {\n  --ink: #000;\n}\n@media (prefers-color-scheme: dark) {\n  :root {\n    --ink: #fff;\n  }\n}\n* { margin: 0; }\n"
	got, err := tokens(sheet)
	if err != nil || !strings.Contains(got, "screen and (prefers-color-scheme: dark)") || strings.Contains(got, "margin") || strings.Count(got, "{") != strings.Count(got, "}") {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "body {}\n" + sheet, ":root { --ink: #000; }\n", strings.Replace(sheet, "@media", "p { }\n@media", 1)} {
		if got, err := tokens(bad); err == nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
