package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/kit/fault"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// EX-04: words, phrases, beginnings, OR, - and the operators that look for words.
func TestParse(t *testing.T) {
	subject, body := "{subject}", "{body}"
	cases := map[string]string{
		"hello":                     `("hello")`,
		"Hello WORLD":               `("hello") AND ("world")`,
		`"annual report"`:           `("annual report")`,
		"auto*":                     `("auto" *)`,
		`"final rep"*`:              `("final rep" *)`,
		"subject:Straße":            `(` + subject + ` : "strasse")`,
		`from:"Anna Berg"`:          `({sender} : "anna berg")`,
		"FROM:anna@example.org":     `({sender} : "anna example org")`,
		"to:a cc:b":                 `({recipient} : "a") AND ({copy} : "b")`,
		"filename:plan.pdf body:x*": `({filename} : "plan pdf") AND (` + body + ` : "x" *)`,
		"attachment:invoice":        `({attached filename} : "invoice")`,
		"http://example.org":        `("http example org")`,
		"a or b":                    `("a") AND ("or") AND ("b")`,
		"a OR b OR c d":             `(("a") OR ("b") OR ("c")) AND ("d")`,
		"a ODER b \"ODER\"":         `(("a") OR ("b")) AND ("oder")`,
		"a -b -from:c":              `(("a")) NOT (("b") OR ({sender} : "c"))`,
		`a -"b c"`:                  `(("a")) NOT (("b c"))`,
		`a "OR" b-c`:                `("a") AND ("or") AND ("b c")`,
		`"foo:bar"`:                 `("foo bar")`,
		"12:30":                     `("12 30")`,
		`a"b c"d`:                   `("a") AND ("b c") AND ("d")`,
		"has:attachment a":          `("a")`,

		// Parentheses around alternatives say what OR says without them.
		"(a OR b) c":                  `(("a") OR ("b")) AND ("c")`,
		"x ( a OR b OR c ), d":        `("x") AND (("a") OR ("b") OR ("c")) AND ("d")`,
		`(from:a OR "b c"* OR d*)`:    `(({sender} : "a") OR ("b c" *) OR ("d" *))`,
		"(a OR b) OR c":               `(("a") OR ("b") OR ("c"))`,
		"(a) OR (b)":                  `(("a") OR ("b"))`,
		"(f(x) OR g(y)) z":            `(("f x") OR ("g y")) AND ("z")`,
		`"(a OR" b`:                   `("a or") AND ("b")`,
		"(http://x.example OR b)":     `(("http x example") OR ("b"))`,
		`"x"(a OR b)"y"`:              `("x") AND (("a") OR ("b")) AND ("y")`,
		"(12:30 OR b)":                `(("12 30") OR ("b"))`,
		"Invoice (final copy) a OR b": `("invoice") AND ("final") AND ("copy") AND (("a") OR ("b"))`,
		"a OR b (c)":                  `(("a") OR ("b")) AND ("c")`,
		"subject:(invoice) OR b":      `(({subject} : "invoice") OR ("b"))`,
		"x) a -b (y":                  `(("x") AND ("a") AND ("y")) NOT (("b"))`,
		"file(s) OR a":                `(("file s") OR ("a"))`,
		// Without OR they are punctuation.
		"Invoice (final copy)":          `("invoice") AND ("final") AND ("copy")`,
		"Invoice (final copy), (2026).": `("invoice") AND ("final") AND ("copy") AND ("2026")`,
		"Offer (Re: yours)":             `("offer") AND ("re") AND ("yours")`,
		"Offer (Subject: yours)":        `("offer") AND ("subject") AND ("yours")`,
		`("annual report" auto*)`:       `("annual report") AND ("auto" *)`,
		"(from:anna x)":                 `({sender} : "anna") AND ("x")`,
		"((a b) c":                      `("a") AND ("b") AND ("c")`,
		"(a b)) c":                      `("a") AND ("b") AND ("c")`,
		"((a) b) c":                     `("a") AND ("b") AND ("c")`,
		"f(x) (g(y))":                   `("f x") AND ("g y")`,
		"subject:(invoice":              `({subject} : "invoice")`,
		"1) a 2) b":                     `("1") AND ("a") AND ("2") AND ("b")`,
	}
	for text, want := range cases {
		q, err := Parse(text)
		if err != nil || q.Match != want || q.Unmatch != "" {
			t.Errorf("%s:\n got %+v, error %v\nwant %q", text, q, err, want)
		}
	}
	q, err := Parse("-a -subject:b")
	if err != nil || q.Match != "" || q.Unmatch != `("a") OR (`+subject+` : "b")` {
		t.Errorf("only what is left out: %+v, %v", q, err)
	}
}

// EX-04: dates, sizes and attachments; all that is asked must hold.
func TestConditions(t *testing.T) {
	for text, want := range map[string]Query{
		"after:1.8.2002 before:9.11.2026": {Since: day(2002, 8, 1), Until: day(2026, 11, 9)},
		"after:2002-08 before:22.11.2026": {Since: day(2002, 8, 1), Until: day(2026, 11, 22)},
		"after:2002 after:2001":           {Since: day(2002, 1, 1)},
		"before:2002 before:2001":         {Until: day(2001, 1, 1)},
		"on:2002-08-31":                   {Since: day(2002, 8, 31), Until: day(2002, 9, 1)},
		"on:2002-02":                      {Since: day(2002, 2, 1), Until: day(2002, 3, 1)},
		"on:2002":                         {Since: day(2002, 1, 1), Until: day(2003, 1, 1)},
		"on:2002 -on:2002-03":             {Since: day(2002, 1, 1), Until: day(2003, 1, 1), Except: []Period{{day(2002, 3, 1), day(2002, 4, 1)}}},
		"larger:10M smaller:1G":           {Least: 10 << 20, Below: 1 << 30},
		"LARGER:1.5k larger:1,25kB":       {Least: 1536},
		"smaller:100":                     {Below: 100},
		"has:attachment":                  {Has: Attached},
		"-has:Attachments":                {Lacks: Attached},
		"has:unreadable -has:waiting":     {Has: Unreadable, Lacks: Waiting},
		"has:attachment HAS:Waiting":      {Has: Attached | Waiting},
	} {
		q, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		q.Terms = nil
		if want.Below == 0 {
			want.Below = 1<<63 - 1
		}
		if !reflect.DeepEqual(*q, want) {
			t.Errorf("%s: %+v, want %+v", text, *q, want)
		}
	}
}

// Parts of a search have no message in common and begin with the best: the words
// in the subject, in the header, as a phrase.
func TestTiers(t *testing.T) {
	q, err := Parse("a b from:c -d")
	if err != nil {
		t.Fatal(err)
	}
	subject := `({subject} : (("a") AND ("b")))`
	header := `({subject sender recipient copy filename} : (("a") AND ("b")))`
	from := ` AND ({sender} : "c")`
	want := []string{
		`(` + subject + from + `) NOT (("d"))`,
		`((` + header + from + `) NOT (("d"))) NOT (` + subject + `)`,
		`((("a b")` + from + `) NOT (("d"))) NOT (` + subject + ` OR ` + header + `)`,
		`((("a") AND ("b")` + from + `) NOT (("d"))) NOT (` + subject + ` OR ` + header + ` OR ("a b"))`,
	}
	if !reflect.DeepEqual(q.Tiers, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(q.Tiers, "\n"), strings.Join(want, "\n"))
	}
	if q, err := Parse("from:c"); err != nil || len(q.Tiers) != 1 || q.Tiers[0] != q.Match {
		t.Errorf("without words: %+v, %v", q, err)
	}
}

// EX-04: errors name the position, in the sentence and as values.
func TestErrors(t *testing.T) {
	for text, want := range map[string]struct {
		says       string
		at, length int
	}{
		"":                        {"type a word", 0, 0},
		"   ":                     {"type a word", 0, 0},
		`") OR subject : (`:       {"position 1: the quotation mark", 0, 0},
		`abc "def`:                {"position 5", 5, 4},
		`from:"def`:               {"position 6", 6, 4},
		"abc before:yesterday":    {"position 5", 5, 16},
		"äöü ---":                 {"position 5", 5, 3},
		"subject:":                {"behind …:", 1, 8},
		"x from: anna":            {"position 3: write what to search for behind …:", 3, 5},
		"before:":                 {"behind …:", 1, 7},
		"before:2002*":            {"is no date", 1, 12},
		"before:0001":             {"is no date", 1, 11},
		"abc foo:bar":             {"position 5: there is no …:, there are from: to:", 5, 4},
		"-foo:bar":                {"there is no …:", 2, 4},
		"a tag:x":                 {"position 3: tag: cannot be searched for yet", 3, 4},
		"In:inbox":                {"position 1: in: cannot be searched for yet", 1, 3},
		"a -before:2002":          {"position 3: a date", 3, 12},
		"a -larger:1M":            {"position 3: a size", 3, 10},
		"larger:big":              {"is no size", 1, 10},
		"larger:1e3":              {"is no size", 1, 10},
		"smaller:1.2.3":           {"is no size", 1, 13},
		"smaller:k":               {"is no size", 1, 9},
		"larger:9999999999G":      {"is no size", 1, 18},
		"has:teeth":               {"there is no has:…, there are has:attachment, has:unreadable and has:waiting", 1, 9},
		"OR b":                    {"position 1: OR", 1, 2},
		"a OR":                    {"position 3: OR", 3, 2},
		"a OR OR b":               {"position 6: OR", 6, 2},
		"a OR -b":                 {"position 3: OR", 3, 2},
		"a OR before:2002 b":      {"position 3: OR", 3, 2},
		"a before:2002 OR b":      {"position 15: OR", 15, 2},
		"(a b) OR c":              {"position 1: with OR, parentheses hold only words", 1, 5},
		"x a OR (b c)":            {"position 8: with OR, parentheses", 8, 5},
		"x (a OR b c) y":          {"position 3: with OR, parentheses", 3, 10},
		"(a b OR c)":              {"position 1: with OR, parentheses", 1, 10},
		"((a OR b) OR c)":         {"position 2: a parenthesis does not stand inside", 2, 1},
		"((a OR b))":              {"position 2: a parenthesis does not stand inside", 2, 1},
		"(a (b OR c))":            {"position 4: a parenthesis does not stand inside", 4, 1},
		"(a OR (b))":              {"position 7: a parenthesis does not stand inside", 7, 1},
		"((a)) OR b":              {"position 2: a parenthesis does not stand inside", 2, 1},
		"x (a OR b":               {"position 3: the parenthesis is not closed", 3, 1},
		"(x a OR b":               {"position 1: the parenthesis is not closed", 1, 1},
		"a OR (b c":               {"position 6: the parenthesis is not closed", 6, 1},
		"subject:(a OR b":         {"position 9: the parenthesis is not closed", 9, 1},
		"a OR b) c":               {"position 7: the parenthesis was not opened", 7, 1},
		"x) OR b":                 {"position 2: the parenthesis was not opened", 2, 1},
		"(a OR b)) c":             {"position 8: the parenthesis was not opened", 8, 1},
		"a -(b OR c)":             {"position 3: a parenthesis is not left out with -; write -a -b for -(a OR b)", 3, 2},
		"-(b c)":                  {"position 1: a parenthesis is not left out", 1, 2},
		"x from:(a OR b) c":       {"position 8: write …: before each word, not before a parenthesis", 8, 8},
		"-from:(a b)":             {"position 7: write …: before each word", 7, 5},
		"before:(2002 OR 2003)":   {"position 8: write …: before each word", 8, 14},
		"(OR a)":                  {"position 2: OR", 2, 2},
		"(a OR)":                  {"position 4: OR", 4, 2},
		"(a OR OR b)":             {"position 7: OR", 7, 2},
		"x (OR) y":                {"position 4: OR", 4, 2},
		"x OR () y":               {"position 6: there is nothing to search for", 6, 2},
		"( )":                     {"position 1: there is nothing to search for", 1, 3},
		"(a OR -b)":               {"position 4: OR", 4, 2},
		"(has:attachment OR b)":   {"position 17: OR", 17, 2},
		"(foo:bar OR b)":          {"position 2: there is no …:", 2, 4},
		"(b OR foo:bar)":          {"position 7: there is no …:", 7, 4},
		"(from: OR b)":            {"position 2: write what to search for behind", 2, 5},
		"(a OR b)(c OR d)":        {"position 8: put a blank behind the parenthesis", 8, 1},
		"(a OR b(c OR d)":         {"position 8: put a blank before the parenthesis", 8, 1},
		"(a OR b)*":               {"position 8: put a blank behind the parenthesis", 8, 1},
		"(a OR b)c":               {"position 8: put a blank behind the parenthesis", 8, 1},
		strings.Repeat("a ", 65):  {"at most 64", 129, 1},
		strings.Repeat("a", 2000): {"at most 1000", 0, 0},
	} {
		_, err := Parse(text)
		e, ok := errors.AsType[*Error](err)
		if !ok || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.20q: error %v, want one that says %q", text, err, want.says)
			continue
		}
		if want.at > 0 && (e.At != want.at || e.Length != want.length) {
			t.Errorf("%.20q: at %d, %d characters, want %d and %d", text, e.At, e.Length, want.at, want.length)
		}
	}
}

// EX-04: a search as chips, each of which can be taken away.
func TestChips(t *testing.T) {
	text := `from:"Anna B" a OR "b c"* OR d  -has:attachment -e`
	chips, err := Chips(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []Chip{
		{Term{Operator: "from", Text: "Anna B", Phrase: true, At: 1, Length: 13}, `a OR "b c"* OR d -has:attachment -e`},
		{Term{Text: "a", At: 15, Length: 1}, `from:"Anna B" "b c"* OR d -has:attachment -e`},
		{Term{Text: "b c", Phrase: true, Prefix: true, Or: true, At: 20, Length: 6}, `from:"Anna B" a OR d -has:attachment -e`},
		{Term{Text: "d", Or: true, At: 30, Length: 1}, `from:"Anna B" a OR "b c"* -has:attachment -e`},
		{Term{Operator: "has", Text: "attachment", Not: true, At: 33, Length: 15}, `from:"Anna B" a OR "b c"* OR d -e`},
		{Term{Text: "e", Not: true, At: 49, Length: 2}, `from:"Anna B" a OR "b c"* OR d -has:attachment`},
	}
	if !reflect.DeepEqual(chips, want) {
		t.Errorf("got\n%+v\nwant\n%+v", chips, want)
	}
	if _, err := Chips("a OR"); fault.Of(err) != fault.Invalid {
		t.Errorf("a search that does not parse: %v", err)
	}
}

// EX-04: of alternatives in parentheses one can be taken away, and parentheses with them
// that hold nothing more.
func TestChipsOfParentheses(t *testing.T) {
	for text, want := range map[string][]string{
		"x (a OR b OR c) d": {"(a OR b OR c) d", "x (b OR c) d", "x (a OR c) d", "x (a OR b) d", "x (a OR b OR c)"},
		"(a OR b), c":       {"b c", "a c", "(a OR b),"},
		"(a OR b)":          {"b", "a"},
		"(a OR b) OR c":     {"b OR c", "a OR c", "(a OR b)"},
		"c OR ( a OR b )":   {"(a OR b)", "c OR b", "c OR a"},
		"(a) OR (b)":        {"b", "a"},
		`("a b") OR c x`:    {"c x", `"a b" x`, `"a b" OR c`},
		"a (b c) d":         {"(b c) d", "a (c) d", "a (b) d", "a (b c)"},
		"a ((b) c)":         {"((b) c)", "a (c)", "a ((b) )"},
	} {
		chips, err := Chips(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var got []string
		for _, c := range chips {
			got = append(got, c.Rest)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", text, got, want)
		}
	}
}

// placeless is what a term says, but for its place.
func (t Term) placeless() Term { t.At, t.Length = 0, 0; return t }

// check is what holds of every search that parses.
func check(t interface{ Fatalf(string, ...any) }, text string) {
	q, err := Parse(text)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok || fault.Of(err) != fault.Invalid || e.At < 0 || e.At > 0 && e.At-1+e.Length > len([]rune(text)) {
			t.Fatalf("%q: error %v", text, err)
		}
		return
	}
	for _, m := range append([]string{q.Match, q.Unmatch}, q.Tiers...) {
		// What reaches FTS5 has only our own syntax around words of letters and digits.
		if n := strings.Count(m, `"`); n%2 != 0 {
			t.Fatalf("%d quotation marks in %q", n, m)
		}
		for i, part := range strings.Split(m, `"`) {
			if i%2 == 1 && strings.ContainsAny(part, "\"*(){}:^+-\x00") {
				t.Fatalf("syntax inside words: %q", part)
			}
		}
	}
	chips, err := Chips(text)
	if err != nil || len(chips) != len(q.Terms) {
		t.Fatalf("%q: %d chips of %d terms, %v", text, len(chips), len(q.Terms), err)
	}
	for i, c := range chips {
		var rest []Term
		if c.Rest != "" {
			q, err := Parse(c.Rest)
			if err != nil {
				t.Fatalf("%q without %d is %q: %v", text, i, c.Rest, err)
			}
			rest = q.Terms
		}
		if len(rest) != len(q.Terms)-1 {
			t.Fatalf("%q without %d is %q", text, i, c.Rest)
		}
		if len([]rune(c.Rest)) > len([]rune(text)) {
			t.Fatalf("%q without %d is longer: %q", text, i, c.Rest)
		}
		for k, r := range rest {
			was := q.Terms[k]
			if k >= i {
				was = q.Terms[k+1]
			}
			// The alternatives of one that is gone are those of the next.
			was.Or = was.Or && (k != i || q.Terms[i].Or)
			if r.placeless() != was.placeless() {
				t.Fatalf("%q without %d is %q: %+v was %+v", text, i, c.Rest, r, was)
			}
		}
	}
	checkParentheses(t, text, q)
}

// checkParentheses checks that a search means the same without the parentheses that stand
// for themselves. Only those that were read may have meant something.
func checkParentheses(t interface{ Fatalf(string, ...any) }, text string, q *Query) {
	tokens, err := read(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	drop := make(map[int]bool)
	for i, k := range tokens {
		if k.kind == opening || k.kind == closing {
			drop[i] = true
		}
		if k.doubt != nil {
			return // it is text in parentheses only
		}
	}
	bare := without([]rune(text), tokens, drop)
	plain, err := Parse(bare)
	if err != nil || plain.Match != q.Match || plain.Unmatch != q.Unmatch {
		t.Fatalf("%q is %+v, and without parentheses %q %+v, %v", text, q, bare, plain, err)
	}
}

func TestProperties(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"a", "b*", `"c d"`, `"e"*`, "-f", `-"g h"`, "OR", "from:x", `to:"y z"`, "-cc:q", "has:attachment", "on:2002", "-on:2002-01", "larger:1k", "smaller:2M",
		"before:2003", "ü", "http://x", "***", "tag:x", `"`, "-", ":", "attachment:é*", "(", ")", "(", ")", "(a", "b)", "(a OR b)", "f(x)", "Re:", ",", "-(", "from:(", "has:waiting",
	})
	blank := rapid.SampledFrom([]string{" ", "  ", "", "\t"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 8).Draw(t, "pieces") {
			b.WriteString(piece.Draw(t, "piece") + blank.Draw(t, "blank"))
		}
		check(t, b.String())
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		`a "b c" d*`, "from:x subject:\"y z\"", `"`, "before:2002", "*", "a OR b -c", "-\"x", "a\x00b", `") OR (`,
		"on:2002 -on:2002-01 larger:1.5M has:attachment cc:a", "\xff-a", "a\"b\"*c", strings.Repeat(`a"b"`, 3) + strings.Repeat("x", 988),
		`x (a OR "b c"* OR from:d), e`, "(a) OR (b) (c d)", "((a b) f(x) g(y", "Offer (Re: a b)) -c", "subject:(a) OR b", "a OR (b c)", "-(a) from:(b c)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { check(t, s) })
}
