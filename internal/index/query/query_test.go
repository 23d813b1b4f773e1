package index

import (
	"strings"
	"testing"
	"time"

	"siegel/internal/kit/fault"
)

func TestParseQuery(t *testing.T) {
	all := "{subject sender recipient body filename subject_alt sender_alt recipient_alt body_alt filename_alt}"
	cases := map[string]string{
		"hello":                     "(" + all + ` : "hello")`,
		"Hello WORLD":               "(" + all + ` : "hello") AND (` + all + ` : "world")`,
		`"annual report"`:           "(" + all + ` : "annual report")`,
		"auto*":                     "(" + all + ` : "auto" *)`,
		`"final rep"*`:              "(" + all + ` : "final rep" *)`,
		"subject:Straße":            `({subject subject_alt} : "strasse")`,
		`from:"Anna Berg"`:          `({sender sender_alt} : "anna berg")`,
		"FROM:anna@example.org":     `({sender sender_alt} : "anna example org")`,
		"filename:plan.pdf body:x*": `({filename filename_alt} : "plan pdf") AND ({body body_alt} : "x" *)`,
		"http://example.org":        "(" + all + ` : "http example org")`,
		`") OR subject : (`:         "",
		"a or b":                    "(" + all + ` : "a") AND (` + all + ` : "or") AND (` + all + ` : "b")`,
		"a OR b OR c d":             "(((" + all + ` : "a") OR (` + all + ` : "b")) OR (` + all + ` : "c")) AND (` + all + ` : "d")`,
		"a -b -from:c":              "((" + all + ` : "a")) NOT ((` + all + ` : "b") OR ({sender sender_alt} : "c"))`,
		`a -"b c"`:                  "((" + all + ` : "a")) NOT ((` + all + ` : "b c"))`,
		`a "OR" b-c`:                "(" + all + ` : "a") AND (` + all + ` : "or") AND (` + all + ` : "b c")`,
		`"foo:bar"`:                 "(" + all + ` : "foo bar")`,
		"12:30":                     "(" + all + ` : "12 30")`,
		`a"b c"d`:                   "(" + all + ` : "a") AND (` + all + ` : "b c") AND (` + all + ` : "d")`,
	}
	for text, want := range cases {
		q, err := parseQuery(text)
		if want == "" {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %q, error %v, want one of kind invalid", text, q.match, err)
			}
			continue
		}
		if err != nil || q.match != want {
			t.Errorf("%s:\n got %q, error %v\nwant %q", text, q.match, err, want)
		}
	}
}

func TestParseQueryDates(t *testing.T) {
	q, err := parseQuery("after:2002-08 before:22.11.2026")
	if err != nil || q.match != "" || !q.after.Equal(time.Date(2002, 8, 1, 0, 0, 0, 0, time.UTC)) ||
		!q.before.Equal(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v, error %v", q, err)
	}
	where, args := q.where()
	if where != "damaged = 0 AND former = 0 AND sent >= $1 AND sent < $2" || len(args) != 2 {
		t.Fatalf("%s %v", where, args)
	}
}

// Errors name the position.
func TestParseQueryErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "type a word",
		"   ":                     "type a word",
		`abc "def`:                "position 5",
		"abc before:yesterday":    "position 5",
		"abc ---":                 "position 5",
		"subject:":                "behind …:",
		"x from: anna":            "position 3: write what to search for behind …:",
		"before:":                 "behind …:",
		"abc foo:bar":             "position 5: there is no …:, there are from: to:",
		"-foo:bar":                "there is no …:",
		"-abc":                    "a search needs a word",
		"-abc before:2002":        "a search needs a word",
		"a -before:2002":          "position 3: a date",
		"OR b":                    "position 1: OR",
		"a OR":                    "position 3: OR",
		"a OR OR b":               "position 6: OR",
		"a OR -b":                 "position 3: OR",
		"a OR before:2002 b":      "position 3: OR",
		"a before:2002 OR b":      "position 15: OR",
		strings.Repeat("a ", 65):  "at most 64",
		strings.Repeat("a", 2000): "at most 1000",
	} {
		_, err := parseQuery(text)
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want one that says %q", text, err, want)
		}
	}
}

// Whatever people type, what reaches FTS5 has only our own syntax around words
// of letters and digits.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{`a "b c" d*`, "from:x subject:\"y z\"", `"`, "before:2002", "*", "a OR b -c", "-\"x", "a\x00b", `") OR (`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := parseQuery(s)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatalf("kind %v", fault.Of(err))
			}
			return
		}
		if n := strings.Count(q.match, `"`); n%2 != 0 {
			t.Fatalf("%d quotation marks in %q", n, q.match)
		}
		for i, part := range strings.Split(q.match, `"`) {
			if i%2 == 1 && strings.ContainsAny(part, "\"*(){}:^+-\x00") {
				t.Fatalf("syntax inside words: %q", part)
			}
		}
	})
}
