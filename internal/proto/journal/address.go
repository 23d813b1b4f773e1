package journal

import (
	"strings"

	"siegel/internal/proto/smtp"
)

// maxAddress bounds an address, in octets.
const maxAddress = 998

// recipient reads the value of a line with a recipient:
//
//	address [, Expanded: address | , Forwarded: address]
func recipient(field, value string) (to Recipient, err error) {
	to.Field = field
	for _, how := range []string{"expanded", "forwarded"} {
		at, behind := cutWord(value, how)
		if at < 0 {
			continue
		}
		if to.Via, err = address(value[behind:]); err != nil || to.Via == "" {
			return to, errForm
		}
		to.How, value = how, value[:at]
		break
	}
	if to.Address, err = address(value); err == nil && to.Address == "" {
		err = errForm
	}
	return to, err
}

// cutWord finds a comma, blanks, the word in any case, and a colon. It returns
// where the comma is and where what follows begins, or -1.
func cutWord(s, word string) (at, behind int) {
	for i := 0; i < len(s); i++ {
		if s[i] != ',' {
			continue
		}
		rest := strings.TrimLeft(s[i+1:], " \t")
		if len(rest) <= len(word) || !strings.EqualFold(rest[:len(word)], word) {
			continue
		}
		end := strings.TrimLeft(rest[len(word):], " \t")
		if strings.HasPrefix(end, ":") {
			return i, len(s) - len(end) + 1
		}
	}
	return -1, 0
}

// address reads an address, alone, in angle brackets, or with a name before them.
// The null reverse path is empty.
func address(s string) (string, error) {
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, ">") {
		if open := strings.LastIndexByte(s, '<'); open >= 0 {
			s = strings.TrimSpace(s[open+1 : len(s)-1])
		}
	}
	if len(s) >= 5 && strings.EqualFold(s[:5], "SMTP:") {
		s = s[5:]
	}
	if s == "" {
		return "", nil
	}
	if len(s) > maxAddress {
		return "", errForm
	}
	a, err := smtp.ParseAddress(s)
	if err != nil {
		return "", errForm
	}
	return a.String(), nil
}
