package reading

import (
	"strings"

	"siegel/internal/kit/plain"
	"siegel/internal/proto/mime/header"
)

// field is a header field as it is shown: nothing in it turns or hides what it says. The
// message as it was received has the octets.
type field struct {
	Name   string
	Value  string
	People []header.Address // where it has some; its name and its address stand apart
}

// unfolded is how many people stand in a field before the rest is folded away, and least how
// many are folded at all.
const (
	unfolded = 10
	least    = 3
)

// First returns those whom the page shows at once.
func (f field) First() []header.Address {
	if len(f.People) < unfolded+least {
		return f.People
	}
	return f.People[:unfolded]
}

// Rest returns those whom it folds away.
func (f field) Rest() []header.Address { return f.People[len(f.First()):] }

// head fills in the header of a message.
func (r *read) head(fields []header.Field) {
	r.Subject = r.plain(strings.TrimSpace(header.Get(fields, "Subject")))
	for _, f := range fields {
		r.All = append(r.All, field{Name: r.plain(f.Name), Value: r.plain(f.Value)})
	}
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Date"} {
		for _, f := range fields {
			if !f.Is(name) || name == "Date" && !r.Sent.IsZero() { // a time that was understood is shown as one
				continue
			}
			one := field{Name: name, Value: strings.TrimSpace(r.plain(f.Value))} // senders write the name in any case
			if name != "Date" {
				one.People = r.people(f.Raw)
			}
			if one.Value != "" {
				r.Fields = append(r.Fields, one)
			}
		}
	}
}

// people reads who stands in a field.
func (r *read) people(raw []byte) (list []header.Address) {
	for _, a := range header.ParseAddresses(raw) {
		list = append(list, header.Address{Name: r.plain(a.Name), Addr: r.plain(a.Addr), Group: r.plain(a.Group)})
	}
	return list
}

// plain returns a value as it can be shown, and notes where it had what cannot be seen.
func (r *read) plain(s string) string {
	s, odd := plain.Text(s)
	r.Hidden = r.Hidden || odd
	return s
}
