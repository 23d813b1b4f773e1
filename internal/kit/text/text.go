// Package text says sentences in the language of who reads them. The English
// sentence is the key; de.txt has the German one. A test reads all sources and
// fails where a sentence for users has no translation.
package text

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"siegel/internal/kit/plural"
)

//go:embed de.txt
var german string

// Lang is a language that users may choose.
type Lang string

// The languages.
const (
	English Lang = "en"
	German  Lang = "de"
)

// FromEnv returns the language that LC_ALL, LC_MESSAGES and LANG ask for, in
// that order; English where they ask for none that we have. LANGUAGE, a list of
// languages, comes before them unless they ask for the locale C, as gettext has
// it.
func FromEnv(get func(string) string) Lang {
	var locale string
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = get(name); locale != "" {
			break
		}
	}
	if plain := strings.ToUpper(locale); plain == "C" || plain == "POSIX" {
		return English
	}
	for tag := range strings.SplitSeq(get("LANGUAGE"), ":") {
		if l := Parse(tag); l == German || strings.HasPrefix(strings.ToLower(tag), "en") {
			return l
		}
	}
	return Parse(locale)
}

// Parse reads a locale or a language tag.
func Parse(tag string) Lang {
	if strings.HasPrefix(strings.ToLower(tag), "de") {
		return German
	}
	return English
}

// Catalog has the translations. Use it from many goroutines.
type Catalog struct {
	german map[string]string
}

// New reads the translations.
func New() *Catalog {
	c := &Catalog{german: make(map[string]string)}
	var key string
	for line := range strings.Lines(german) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), `\n`, "\n")
		if v, ok := strings.CutPrefix(line, "= "); ok {
			c.german[key] = v
		} else if line != "" && !strings.HasPrefix(line, "#") {
			key = line
		}
	}
	return c
}

// Has reports whether a sentence has a translation.
func (c *Catalog) Has(sentence string) bool {
	_, ok := c.german[sentence]
	return ok
}

// All calls f with each sentence and its German form.
func (c *Catalog) All(f func(english, german string)) {
	for k, v := range c.german {
		f(k, v)
	}
}

// Say formats a sentence in a language, as kit/plural does. In German, numbers of type
// float64 and [Decimal] have a comma, and what has a method Spoken, such as a role, is said by
// the translation of what that returns; so is a sentence in a sentence, which has a method
// Sentence.
func (c *Catalog) Say(l Lang, sentence string, args ...any) string {
	if l == German {
		if t, ok := c.german[sentence]; ok {
			sentence = t
		}
		args = c.inGerman(args)
	}
	if len(args) == 0 {
		return sentence
	}
	return plural.Format(sentence, args...)
}

// Decimal is a number with a decimal point, and perhaps a unit: "1.5 MB".
type Decimal string

// In returns it as a language writes it.
func (d Decimal) In(l Lang) string {
	if l == German {
		return strings.Replace(string(d), ".", ",", 1)
	}
	return string(d)
}

// inGerman returns arguments as German says and writes them.
func (c *Catalog) inGerman(args []any) []any {
	args = slices.Clone(args)
	for i, a := range args {
		switch a := a.(type) {
		case float64:
			args[i] = comma(a)
		case Decimal:
			args[i] = a.In(German)
		case interface{ Sentence() (string, []any) }: // as front/console has it
			inner, of := a.Sentence()
			args[i] = c.Say(German, inner, of...)
		case interface{ Spoken() string }: // as kit/fault has it
			args[i] = c.Say(German, a.Spoken())
		}
	}
	return args
}

// comma is a number that is written with a decimal comma.
type comma float64

// Format implements [fmt.Formatter].
func (c comma) Format(s fmt.State, verb rune) {
	_, _ = io.WriteString(s, strings.Replace(fmt.Sprintf(fmt.FormatString(s, verb), float64(c)), ".", ",", 1)) // the state keeps the error
}

// Size is a number of octets as people read it.
func Size(n int64) Decimal {
	const units = "kMGTPE"
	if n < 1000 {
		return Decimal(fmt.Sprintf("%d B", n))
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.95 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	return Decimal(fmt.Sprintf("%.1f %cB", f, units[unit]))
}
