package textfold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxWord is how many letters of a word count.
const MaxWord = 64

// Words folds text into its words, in both forms; see the package's comment.
// alt is empty if it equals main. Invalid UTF-8 separates words. The work is
// linear in text; the result has at most 18 letters for each of its characters.
// Safe for several goroutines.
func Words(text string) (main, alt string) {
	f := folder{main: form{b: make([]byte, 0, len(text)+len(text)/8)}}
	f.fold(text)
	// A difference may have been cut off at the end of a long word.
	if !f.differ || string(f.main.b) == string(f.alt.b) {
		return string(f.main.b), ""
	}
	return string(f.main.b), string(f.alt.b)
}

// Spelling stands between the two spellings of a word in what [Spellings] returns.
const Spelling = '\x1f'

// Spellings folds text as [Words] does and returns its words, joined by single spaces,
// each in both spellings where they differ: for an index that can have several words at
// one place. So in a phrase each word may be spelled in its own way.
func Spellings(text string) string {
	main, alt := Words(text)
	if alt == "" {
		return main
	}
	var b strings.Builder
	b.Grow(len(main) + len(alt)/8)
	for main != "" {
		var m, a string
		m, main, _ = strings.Cut(main, " ")
		a, alt, _ = strings.Cut(alt, " ")
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(m)
		if a != m {
			b.WriteByte(Spelling)
			b.WriteString(a)
		}
	}
	return b.String()
}

// Span is where in a text a word stands, in octets.
type Span struct{ Start, End int }

// Spans does what [Words] does, and says for each word of main (and so of alt, which
// has as many) where in the text it stands. Several words can come from one character
// and then have the same place.
func Spans(text string) (main, alt string, spans []Span) {
	f := folder{main: form{b: make([]byte, 0, len(text)+len(text)/8)}, spanning: true}
	f.fold(text)
	if !f.differ {
		return string(f.main.b), "", f.spans
	}
	return string(f.main.b), string(f.alt.b), f.spans
}

// fold takes a text.
func (f *folder) fold(text string) {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			if f.spanning {
				f.at, f.next = i, i+max(1, asciiWord(text[i:]))
			}
			i += f.ascii(text[i:])
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		f.at, f.next = i, i+n
		switch {
		case r == utf8.RuneError:
			f.end()
		case 0x4E00 <= r && r <= 0x9FFF:
			f.letter(r) // Han, and nothing to decompose
		case 0x0430 <= r && r <= 0x044F && r != 'й':
			f.add(r) // Cyrillic, the same
			f.base = 0
		case 0xAC00 <= r && r <= 0xD7A3:
			f.hangul(r - 0xAC00)
		default:
			// Marks need not be put in canonical order: mark takes the first
			// that means anything, and those that do are of one class.
			if d := norm.NFKD.PropertiesString(text[i:]).Decomposition(); d != nil {
				f.decomposed(d)
			} else {
				f.character(r)
			}
		}
		i += n
	}
}

// Query folds a word or phrase of a query, without operators and stars. It is
// [Words] by another name: the package's comment says how the two forms are
// looked up.
func Query(words string) (main, alt string) { return Words(words) }

// folder builds both forms.
type folder struct {
	main   form
	alt    form // only if differ
	differ bool
	base   rune // last letter, while marks may change it

	spanning bool // places are wanted
	spans    []Span
	at, next int // place of what is being folded
}

// place notes where a letter comes from that is about to be added to main.
func (f *folder) place() {
	if !f.spanning {
		return
	}
	if f.main.word == 0 {
		f.spans = append(f.spans, Span{f.at, f.next})
	} else {
		f.spans[len(f.spans)-1].End = f.next
	}
}

// form is one form of the text so far.
type form struct {
	b    []byte
	word int // letters in the present word, 0 if it has ended
}

// add appends a letter.
func (f *form) add(r rune) {
	if f.word == 0 && len(f.b) > 0 {
		f.b = append(f.b, ' ')
	}
	if f.word++; f.word <= MaxWord {
		f.b = utf8.AppendRune(f.b, r)
	}
}

// addASCII appends ASCII letters and digits.
func (f *form) addASCII(s string) {
	if f.word == 0 && len(f.b) > 0 {
		f.b = append(f.b, ' ')
	}
	for i := range min(len(s), max(0, MaxWord-f.word)) {
		f.b = append(f.b, lower(s[i]))
	}
	f.word += len(s)
}

// add appends a letter to both forms.
func (f *folder) add(r rune) {
	f.place()
	f.main.add(r)
	if f.differ {
		f.alt.add(r)
	}
}

// addMain appends a letter to main alone.
func (f *folder) addMain(r rune) {
	f.place()
	if !f.differ && f.main.word < MaxWord {
		f.differ = true
		f.alt = form{b: append(make([]byte, 0, cap(f.main.b)), f.main.b...), word: f.main.word}
	}
	f.main.add(r)
}

// end ends the present word.
func (f *folder) end() { f.main.word, f.alt.word, f.base = 0, 0, 0 }

// ascii takes the ASCII character that s begins with, or the whole word if it
// begins one, and returns how many bytes that were.
func (f *folder) ascii(s string) int {
	n := asciiWord(s)
	if n > 0 {
		f.place()
		f.main.addASCII(s[:n])
		if f.differ {
			f.alt.addASCII(s[:n])
		}
		f.base = rune(lower(s[n-1]))
		return n
	}
	if asciiClass(s[0]) == separator {
		f.end()
	}
	return 1
}

// asciiWord returns how many ASCII letters and digits s begins with.
func asciiWord(s string) (n int) {
	for n < len(s) && asciiClass(s[n]) == inWord {
		n++
	}
	return n
}

const (
	separator = iota
	inWord
	dropped
)

func asciiClass(c byte) int {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return inWord
	case c < ' ' && (c < '\t' || c > '\r') || c == 0x7f:
		return dropped
	}
	return separator
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// hangul takes a Korean syllable apart (Unicode section 3.12), which the
// tables of decompositions do not list.
func (f *folder) hangul(s rune) {
	f.base = 0
	f.add(0x1100 + s/588)
	f.add(0x1161 + s%588/28)
	if s%28 != 0 {
		f.add(0x11A7 + s%28)
	}
}

// decomposed takes the decomposition of a character.
func (f *folder) decomposed(d []byte) {
	for len(d) > 0 {
		r, n := utf8.DecodeRune(d)
		if r < utf8.RuneSelf {
			f.ascii(string(d[:1]))
		} else {
			f.character(r)
		}
		d = d[n:]
	}
}

// character takes a character beyond ASCII that has no decomposition.
func (f *folder) character(r rune) {
	switch {
	case unicode.IsLetter(r) || unicode.IsNumber(r):
		f.letter(r)
	case unicode.Is(unicode.M, r):
		f.mark(r)
	case unicode.In(r, unicode.Cc, unicode.Cf) && !unicode.IsSpace(r):
	default:
		f.end()
	}
}

// mark takes a combining mark. Umlaut and ring lengthen main; the voice marks
// of kana make another letter; the subscript iota is one; other marks are
// dropped.
func (f *folder) mark(r rune) {
	if f.main.word > 0 {
		f.place()
	}
	switch {
	case r == 0x308 && (f.base == 'a' || f.base == 'o' || f.base == 'u'):
		f.addMain('e')
	case r == 0x30A && f.base == 'a':
		f.addMain('a')
	case r == 0x345:
		f.add('ι')
	case (r == 0x3099 || r == 0x309A) && f.base != 0 && f.base > 0x3040 && f.base < 0x3100:
		voiced := norm.NFC.String(string([]rune{f.base, r}))
		if v, n := utf8.DecodeRuneInString(voiced); n == len(voiced) {
			f.main.replaceLast(f.base, v)
			if f.differ {
				f.alt.replaceLast(f.base, v)
			}
		}
	default:
		return
	}
	f.base = 0
}

// replaceLast changes the last letter, a word of its own.
func (f *form) replaceLast(from, to rune) {
	f.b = utf8.AppendRune(f.b[:len(f.b)-utf8.RuneLen(from)], to)
}

// letter takes a letter or digit beyond ASCII.
func (f *folder) letter(r rune) {
	if spaceless(r) {
		f.end()
		f.add(r)
		f.end()
		f.base = r
		return
	}
	f.base = 0
	switch r {
	case 'ø', 'Ø':
		f.add('o')
		f.addMain('e')
		return
	}
	if s := special(r); s != "" {
		for _, c := range s {
			f.add(c)
		}
		return
	}
	f.add(foldCase(r))
}

// special returns what is written, in both forms, for a letter that neither
// case nor decomposition folds.
func special(r rune) string {
	if r > 0x1E9E || r > 0x167 && r < 0x1E9E {
		return ""
	}
	switch r {
	case 'ß', 'ẞ':
		return "ss"
	case 'æ', 'Æ':
		return "ae"
	case 'œ', 'Œ':
		return "oe"
	case 'þ', 'Þ':
		return "th"
	case 'ł', 'Ł':
		return "l"
	case 'đ', 'Đ', 'ð', 'Ð':
		return "d"
	case 'ħ', 'Ħ':
		return "h"
	case 'ŧ', 'Ŧ':
		return "t"
	case 'ŋ', 'Ŋ':
		return "n"
	case 'ı':
		return "i"
	}
	return ""
}

// foldCase returns the one letter that stands for all cases of r: the lower
// case, but for the letters that have two of them.
func foldCase(r rune) rune {
	switch {
	case r == 'ς':
		return 'σ'
	case 0x1C80 <= r && r <= 0x1C88: // old forms of Cyrillic letters
		for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
			if c < 0x1C80 || c > 0x1C88 {
				return unicode.ToLower(c)
			}
		}
	}
	return unicode.ToLower(r)
}

// spaceless reports whether r is of a script that is written without spaces
// between words.
func spaceless(r rune) bool {
	switch {
	case r < 0x0E00:
		return false
	case 0x4E00 <= r && r <= 0x9FFF:
		return true
	case r == 0x30FC: // the long-vowel mark of kana is of no script
		return true
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}
