package archive

import (
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// audience says who reads a message beside who holds the archive. It follows from
// the evidence alone, so that mail that is given later goes to nobody else.
type audience int

const (
	// keepers: nobody. It is a journal report that could not be decoded: its octets
	// have the envelope with the blind copies, and its header is not the message's.
	keepers audience = iota
	// named: those whom the envelope names. The message has a delivery field that
	// names a recipient; whoever stands in its header would learn of a blind copy,
	// and has a copy of her own.
	named
	// everybody whose address stands in the envelope or in the header.
	everybody
)

func audienceOf(e entry.Evidence) audience {
	if mail.MarkOf(string(e.Source.Value)) == mail.MarkUndecodable {
		return keepers
	}
	for _, item := range e.Envelope {
		if mail.ItemInField(string(item.Value)) {
			return named
		}
	}
	return everybody
}

// envelopeAddresses returns sender and recipients as they are compared.
func envelopeAddresses(e entry.Evidence) []mail.Address {
	var list []mail.Address
	for _, item := range e.Envelope {
		list = append(list, mail.ItemAddress(string(item.Value)))
	}
	return list
}

// HeaderAddresses returns the addresses in a message's header that make a
// person one of its readers.
func HeaderAddresses(m *mime.Message) []mail.Address {
	found := header.Addresses(m.Fields, "From", "Sender", "Reply-To", "To", "Cc",
		"Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc")
	out := make([]mail.Address, len(found))
	for i, f := range found {
		out[i] = mail.Address(f)
	}
	return out
}
