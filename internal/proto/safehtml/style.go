package safehtml

import "strings"

// properties are those that say how text looks. None takes something out of its place,
// lays it over something else, hides it or loads anything.
func properties(name string) bool {
	switch name {
	case "color", "background-color", "font", "font-family", "font-size", "font-style", "font-weight", "font-variant", "line-height", "letter-spacing",
		"text-align", "text-decoration", "text-transform", "vertical-align", "white-space", "word-break", "word-wrap", "overflow-wrap", "direction",
		"list-style-type", "border", "border-collapse", "border-spacing", "border-color", "border-style", "border-width", "border-radius",
		"border-top", "border-right", "border-bottom", "border-left", "padding", "padding-top", "padding-right", "padding-bottom", "padding-left",
		"margin", "margin-top", "margin-right", "margin-bottom", "margin-left", "width", "max-width", "height", "table-layout", "float", "clear":
		return true
	}
	return false
}

const maxStyle = 4096 // octets

// Style returns what may stay of the declarations of a style attribute (CSS Syntax Level
// 3, section 5): known properties with values of words, numbers and colours. Whatever is
// written in a way that needs more than that to be read (escapes, comments, functions but
// for colours) is left out.
func Style(s string) string {
	if len(s) > maxStyle {
		return ""
	}
	var list []string
	for one := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(one, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || !properties(name) || !isValue(value) || hides(name, strings.ToLower(value)) {
			continue
		}
		list = append(list, name+": "+value)
	}
	return strings.Join(list, "; ")
}

// isValue reports whether a value is words, numbers, names in quotation marks and colours.
func isValue(v string) bool {
	if v == "" || len(v) > 300 {
		return false
	}
	rest := strings.ToLower(v)
	for _, f := range []string{"rgba(", "rgb(", "hsla(", "hsl("} {
		rest = strings.ReplaceAll(rest, f, "[")
	}
	if strings.Contains(rest, "(") || strings.Count(v, `"`)%2 != 0 || strings.Count(v, "'")%2 != 0 {
		return false
	}
	return !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(" #%.,-+!/[)'\"", r)
	}) && !strings.Contains(rest, "/*")
}

// hides reports whether a declaration makes text vanish or moves it over other text.
func hides(name, value string) bool {
	negative := strings.HasPrefix(value, "-") || strings.Contains(value, " -")
	switch {
	case negative && name != "letter-spacing":
		return true
	case name == "letter-spacing":
		return negative
	case name == "font-size" || name == "line-height" || name == "font" || name == "width" || name == "max-width" || name == "height":
		return isTiny(value)
	case name == "color":
		return strings.Contains(value, "transparent") || strings.Contains(value, "rgba") || strings.Contains(value, "hsla") || strings.Contains(value, "/") ||
			strings.HasPrefix(value, "#") && (len(value) == 5 || len(value) == 9)
	}
	return false
}

// isTiny reports whether a value has a length that nobody can read.
func isTiny(value string) bool {
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '/' || r == ',' }) {
		digits := strings.TrimRight(word, "abcdefghijklmnopqrstuvwxyz%!")
		unit := word[len(digits):]
		if digits == "" || unit == "" && digits != "0" {
			continue // a word, or a factor
		}
		if strings.Trim(digits, "0.") == "" || strings.HasPrefix(digits, "0.") || strings.HasPrefix(digits, ".") ||
			(unit == "px" || unit == "pt") && (digits == "1" || digits == "2") {
			return true
		}
	}
	return false
}
