// Package snippet cuts out of a text the words around the first place that a search
// found, with the places that it found, as text: who shows it marks and escapes it.
package snippet

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"siegel/internal/index/query"
	"siegel/internal/proto/textfold"
)

// Width is how many characters a snippet has, about: words stay whole where they are
// not longer than a line.
const Width = 200

// Bounds of the work: so much of a text is looked through, in pieces, in octets.
const (
	most  = 1 << 20
	piece = 32 << 10
)

// Mark is a place that a search found.
type Mark struct {
	At     int `json:"at"`     // characters before it
	Length int `json:"length"` // characters
}

// Snippet is a short text with marks, in order and apart from each other.
type Snippet struct {
	Text  string `json:"text"` // on one line; "…" where it was cut
	Marks []Mark `json:"marks"`
}

// Piece is a part of a snippet.
type Piece struct {
	Text   string
	Marked bool
}

// Pieces returns the text in parts that are marked and parts that are not.
func (s Snippet) Pieces() (list []Piece) {
	runes := []rune(s.Text)
	at := 0
	add := func(to int, marked bool) {
		if to > at {
			list = append(list, Piece{string(runes[at:to]), marked})
			at = to
		}
	}
	for _, m := range s.Marks {
		add(m.At, false)
		add(m.At+m.Length, true)
	}
	add(len(runes), false)
	return list
}

// Whole marks a short text, such as a subject, of which nothing is cut.
func Whole(text string, terms []query.Term, column string) Snippet {
	w := newWords(text)
	return render(text, 0, len(text), w.found(wanted(terms, column)))
}

// Cut returns the words around the first place in a text where one of the terms
// stands, and false where none does; then it is how the text begins. Terms that are
// left out, or not looked for in the column, count for nothing.
func Cut(text string, terms []query.Term, column string) (Snippet, bool) {
	phrases := wanted(terms, column)
	if len(phrases) > 0 {
		for from := 0; from < min(len(text), most); {
			to := end(text, from)
			w := newWords(text[from:to])
			if places := w.found(phrases); len(places) > 0 {
				start, stop := w.window(text[from:to], places[0])
				// What is around may lie in the pieces beside.
				s := render(text[from:to], start, stop, places)
				return ellipses(s, from > 0 || start > 0, from+stop < len(text)), true
			}
			from = to
		}
	}
	stop := clip(text, 0, Width)
	return ellipses(render(text, 0, stop, nil), false, stop < len(text)), false
}

// end returns where a piece of text ends: at white space, where there is some.
func end(text string, from int) int {
	if len(text)-from <= piece {
		return len(text)
	}
	to := from + piece
	if i := strings.LastIndexFunc(text[from:to], unicode.IsSpace); i > piece/2 {
		return from + i
	}
	for !utf8.RuneStart(text[to]) {
		to--
	}
	return to
}

// phrase is a term as it is looked for.
type phrase struct {
	words []string
	star  bool
}

func wanted(terms []query.Term, column string) (list []phrase) {
	for _, t := range terms {
		if t.Not || !t.In(column) {
			continue
		}
		folded, _ := textfold.Query(t.Text)
		if words := strings.Fields(folded); len(words) > 0 {
			list = append(list, phrase{words, t.Prefix})
		}
	}
	return list
}

// words are a text's words in both spellings, with their places.
type words struct {
	main, alt []string
	spans     []textfold.Span
}

func newWords(text string) words {
	main, alt, spans := textfold.Spans(text)
	w := words{main: strings.Fields(main), spans: spans}
	if w.alt = w.main; alt != "" {
		w.alt = strings.Fields(alt)
	}
	return w
}

// found returns the places of phrases in order, apart from each other.
func (w words) found(phrases []phrase) (places []textfold.Span) {
	for i := 0; i < len(w.main); i++ {
		n := 0
		for _, p := range phrases {
			if p.at(w, i) {
				n = max(n, len(p.words))
			}
		}
		if n == 0 {
			continue
		}
		place := textfold.Span{Start: w.spans[i].Start, End: w.spans[i+n-1].End}
		if last := len(places) - 1; last >= 0 && place.Start < places[last].End {
			places[last].End = max(places[last].End, place.End)
		} else {
			places = append(places, place)
		}
	}
	return places
}

// at reports whether the phrase begins with word i, each word in one of its spellings.
func (p phrase) at(in words, i int) bool {
	if i+len(p.words) > len(in.main) {
		return false
	}
	last := len(p.words) - 1
	for k, w := range p.words {
		star := p.star && k == last
		if !is(in.main[i+k], w, star) && !is(in.alt[i+k], w, star) {
			return false
		}
	}
	return true
}

func is(word, wanted string, beginning bool) bool {
	return word == wanted || beginning && strings.HasPrefix(word, wanted)
}

// window returns from where to where a snippet goes whose first place is given.
func (w words) window(text string, place textfold.Span) (start, stop int) {
	const before = Width / 4
	start = place.Start
	for range before {
		if start == 0 {
			break
		}
		_, n := utf8.DecodeLastRuneInString(text[:start])
		start -= n
	}
	if start > 0 { // not in the middle of a word
		if i := strings.IndexFunc(text[start:place.Start], unicode.IsSpace); i >= 0 {
			start += i
		}
	}
	return start, clip(text, start, Width)
}

// clip returns where at most n characters from start on end, at white space where
// there is some in the second half.
func clip(text string, start, n int) int {
	stop := start
	for range n {
		if stop == len(text) {
			return stop
		}
		_, size := utf8.DecodeRuneInString(text[stop:])
		stop += size
	}
	if stop < len(text) {
		if i := strings.LastIndexFunc(text[start:stop], unicode.IsSpace); i > (stop-start)/2 {
			return start + i
		}
	}
	return stop
}

// render writes a part of a text on one line, with the places that lie in it.
func render(text string, start, stop int, places []textfold.Span) Snippet {
	var b strings.Builder
	s := Snippet{Marks: []Mark{}}
	at, space, marked := 0, false, -1
	for i := start; i < stop; {
		r, n := utf8.DecodeRuneInString(text[i:stop])
		for len(places) > 0 && places[0].End <= i {
			if marked >= 0 {
				s.Marks = append(s.Marks, Mark{marked, at - marked})
			}
			places, marked = places[1:], -1
		}
		i += n
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = at > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			at++
			space = false
		}
		if len(places) > 0 && places[0].Start <= i-n && marked < 0 {
			marked = at
		}
		b.WriteRune(r)
		at++
	}
	if marked >= 0 {
		s.Marks = append(s.Marks, Mark{marked, at - marked})
	}
	s.Text = b.String()
	return s
}

// ellipses says where something was cut off.
func ellipses(s Snippet, before, behind bool) Snippet {
	if before {
		s.Text = "… " + s.Text
		for i := range s.Marks {
			s.Marks[i].At += 2
		}
	}
	if behind {
		s.Text += " …"
	}
	return s
}
