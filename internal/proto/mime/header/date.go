package header

import (
	"strconv"
	"strings"
	"time"
)

// maxDate is how much of a date field is looked at.
const maxDate = 1024

// Date reads a date as mail has it, in the zone it names (UTC where it names
// none or an unknown one, RFC 5322 section 4.3). It takes the forms of RFC
// 5322 section 3.3 and 4.3, asctime, ISO 8601 and what lies between: names of
// days are ignored, commas and comments skipped, years may have two digits,
// seconds may be missing. ok is false where day, month, year or time cannot be
// told; years outside 1900 to 9999 are refused.
func Date(raw []byte) (t time.Time, ok bool) {
	s := strings.ToLower(readable(stripComments(unfold(raw[:min(len(raw), maxDate)]))))
	s = strings.TrimSpace(s)
	if len(s) > 10 && s[4] == '-' && s[7] == '-' {
		return isoDate(s)
	}
	d := dateParts{month: -1}
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		d.word(word)
	}
	return d.time()
}

// stripComments replaces comments by spaces.
func stripComments(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		if b[i] == '(' {
			out = append(out, ' ')
			i = skipComment(b, i)
			continue
		}
		out = append(out, b[i])
		i++
	}
	return out
}

// isoDate reads "2003-07-01T10:52:37+02:00" and its relatives.
func isoDate(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
		"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04",
	} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1900 {
			return t, true
		}
	}
	return time.Time{}, false
}

// dateParts is what the words of a date have said so far.
type dateParts struct {
	numbers   []string // in order: day, (month,) year
	month     time.Month
	h, m, s   int
	clock, pm bool
	am        bool
	offset    int // seconds east of Greenwich
	zone      bool
}

// word takes one word, in lower case.
func (d *dateParts) word(w string) {
	switch {
	case strings.Contains(w, ":") && !d.clock && isDigit(w[0]):
		d.time24(w)
	case (w[0] == '+' || w[0] == '-') && d.clock && !d.zone:
		d.setOffset(w)
	case isDigit(w[0]) && strings.ContainsAny(w, "-/"):
		for _, part := range strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '/' }) {
			d.word(part)
		}
	case isDigit(w[0]):
		if w = strings.TrimRight(w, "."); len(w) <= 4 && len(d.numbers) < 4 {
			d.numbers = append(d.numbers, w)
		}
	case w == "am" && d.clock:
		d.am = true
	case w == "pm" && d.clock:
		d.pm = true
	default:
		d.name(w)
	}
}

// name takes the name of a month or a zone; names of days mean nothing.
func (d *dateParts) name(w string) {
	w = strings.TrimRight(w, ".")
	if m := month(w); m != 0 && d.month < 0 {
		d.month = m
		return
	}
	if d.clock && !d.zone {
		if hours, ok := zoneHours(w); ok {
			d.offset, d.zone = hours*3600, true
		}
	}
}

// month returns the month of an English or German name or its first three letters.
func month(w string) time.Month {
	switch w {
	case "mai":
		return time.May
	case "okt", "oktober":
		return time.October
	case "dez", "dezember":
		return time.December
	case "mär", "mrz", "märz":
		return time.March
	}
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if w == name || w == name[:3] || m == time.September && w == "sept" {
			return m
		}
	}
	return 0
}

// zoneHours is the offset of the zones of RFC 822 section 5.1; the single
// letters were given with the wrong sign there and mean nothing (RFC 5322
// section 4.3).
func zoneHours(w string) (int, bool) {
	switch w {
	case "ut", "gmt", "utc", "z", "wet":
		return 0, true
	case "est", "est5edt", "cdt":
		return -5, true
	case "edt":
		return -4, true
	case "cst", "cst6cdt", "mdt":
		return -6, true
	case "mst", "mst7mdt", "pdt":
		return -7, true
	case "pst", "pst8pdt":
		return -8, true
	case "cet", "met", "mez", "bst":
		return 1, true
	case "cest", "mest", "mesz", "eet":
		return 2, true
	case "jst", "kst":
		return 9, true
	}
	return 0, false
}

// time24 reads hh:mm, hh:mm:ss and fractions, with an offset glued on or not.
func (d *dateParts) time24(w string) {
	if i := strings.IndexAny(w, "+-"); i > 0 {
		defer d.setOffset(w[i:])
		w = w[:i]
	}
	w, _, _ = strings.Cut(w, ".")
	parts := strings.Split(w, ":")
	if len(parts) > 3 {
		return
	}
	var v [3]int
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 60 || len(p) > 2 {
			return
		}
		v[i] = n
	}
	if v[0] > 24 || v[1] > 59 {
		return
	}
	d.h, d.m, d.s, d.clock = v[0], v[1], min(v[2], 59), true // a leap second is the one before it
}

// setOffset reads +hhmm, +hh:mm or +hh; nonsense means UTC.
func (d *dateParts) setOffset(w string) {
	digits := strings.ReplaceAll(w[1:], ":", "")
	switch len(digits) {
	case 2:
		digits += "00"
	case 3:
		digits = "0" + digits
	}
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) != 4 || n/100 > 23 || n%100 > 59 {
		return
	}
	d.offset, d.zone = (n/100*60+n%100)*60, true
	if w[0] == '-' {
		d.offset = -d.offset
	}
}

// time puts the parts together.
func (d *dateParts) time() (time.Time, bool) {
	n := d.numbers
	if d.month < 0 && len(n) >= 3 && len(n[0]) <= 2 { // "20 11 79"
		if m, _ := strconv.Atoi(n[1]); m >= 1 && m <= 12 {
			d.month = time.Month(m)
			n = []string{n[0], n[2]}
		}
	}
	if d.month < 0 || len(n) < 2 || !d.clock {
		return time.Time{}, false
	}
	day, errDay := strconv.Atoi(n[0])
	year, errYear := strconv.Atoi(n[1])
	switch len(n[1]) {
	case 1, 2: // RFC 5322 section 4.3
		if year += 1900; year < 1950 {
			year += 100
		}
	case 3:
		year += 1900
	}
	switch {
	case d.pm && d.h < 12:
		d.h += 12
	case d.am && d.h == 12:
		d.h = 0
	}
	t := time.Date(year, d.month, day, d.h, d.m, d.s, 0, time.FixedZone("", d.offset))
	if errDay != nil || errYear != nil || year < 1900 || day < 1 || t.Day() != day && d.h < 24 {
		return time.Time{}, false
	}
	return t, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
