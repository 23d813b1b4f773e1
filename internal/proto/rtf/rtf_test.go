package rtf_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"siegel/internal/proto/rtf"
)

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"words":       {`{\rtf1\ansi Hello {\b bold} world\par next}`, "Hello bold world\nnext"},
		"code page":   {`{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe}`, "Grüße"},
		"unicode":     {`{\rtf1\uc1 \u220?bung \u-10179?\u-8704?.}`, "Übung 😀."},
		"two behind":  {`{\rtf1\uc2 \u220\'3f\'3fx}`, "Üx"},
		"none behind": {`{\rtf1\uc0 \u220 x}`, "Üx"},
		"fonts":       {`{\rtf1\ansi{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}}\f1 \'cc\'e8\'f0\f0  \'e4}`, "Мир ä"},
		"tables":      {`{\rtf1{\colortbl;\red0\green0\blue0;}{\stylesheet{\s0 Normal;}}a\cell b\row}`, "a\tb"},
		"unknown":     {`{\rtf1{\*\themedata 504b0304}{\*\generator Word;}a}`, "a"},
		"picture":     {`{\rtf1 a{\pict\pngblip 89504e47}b}`, "ab"},
		"binary":      {"{\\rtf1 a\\bin5 }}{{\\b}", "ab"},
		"field":       {`{\rtf1{\field{\*\fldinst HYPERLINK "x"}{\fldrslt here}}}`, "here"},
		"veiled":      {`{\rtf1 a{\v secret}b\v c\v0 d}`, "abd"},
		"not unveiled": {
			`{\rtf1{\pict\v0 ffd8}a}`, "a",
		},
		"symbols":     {`{\rtf1 a\emdash b\~c\{\}\\\'zz}`, "a—b\u00a0c{}\\zz"},
		"line breaks": {"{\\rtf1 a\r\nb\\\nc}", "ab\nc"},
		"cut":         {`{\rtf1 open {\b and`, "open and"},
		"too many }":  {`{\rtf1 a}}}}b`, "ab"},
		"deep":        {`{\rtf1 ` + strings.Repeat("{", 100_000) + "x" + strings.Repeat("}", 100_000) + " y}", "x y"},
		"half a hex":  {`{\rtf1 a\'f`, "a"},
	} {
		if got, whole := rtf.Text([]byte(c.doc), 1<<20); got != c.want || !whole {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got, whole := rtf.Text([]byte(`{\rtf1 \'fc\'fc\'fc}`), 3); got != "ü" || whole {
		t.Errorf("cut at a character: %q, %v", got, whole)
	}
	if rtf.Is([]byte(`rtf`)) || !rtf.Is([]byte(`{\rtf1}`)) {
		t.Error("what is RTF")
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}\f0 \'cc\u220?\par{\pict 00}\bin2 xx}`), uint16(100))
	f.Add([]byte(`{\rtf1\uc3\u-1{{{}}}\v0\v}`), uint16(3))
	f.Fuzz(func(t *testing.T, doc []byte, limit uint16) {
		text, _ := rtf.Text(doc, int(limit))
		if len(text) > int(limit) || !utf8.ValidString(text) {
			t.Fatalf("%d octets of %d, %q", len(text), limit, text)
		}
	})
}
