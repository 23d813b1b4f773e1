package identity

import (
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Times and bounds.
const (
	InvitationFor = invitationFor
	CoolDown      = coolDown
	KitFor        = kitFor
	MaxKits       = maxKits
)

// CheckPassword is the rule for new passwords.
func CheckPassword(p string) error { return checkPassword([]byte(p)) }

// PutKit remembers a kit whose words are known, without making its file.
func (i *Identity) PutKit(id mail.ID, made time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forgetKits()
	i.kits[id] = &kit{words: []string{"a", "b"}, asked: []int{1, 2}, until: made.Add(kitFor)}
}

// HasKit reports whether a kit is remembered.
func (i *Identity) HasKit(id mail.ID) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kits[id] != nil
}

// AskFor draws the words that are to be typed back.
func AskFor(n int) []int { return askFor(n) }

// Proquints writes octets as words.
func Proquints(b []byte) []string { return proquints(b) }

// FormatCode and ParseCode write and read codes.
func FormatCode(b []byte) string         { return formatCode(b) }
func ParseCode(s string) ([]byte, error) { return parseCode(s) }
func OpenKit(f []byte, words string) ([]byte, fault.Kind) {
	b, err := openKit(f, words)
	return b, fault.Of(err)
}
