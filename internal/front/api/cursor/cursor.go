// Package cursor is where pages of the REST API's lists begin: a place in a list, bound to
// who asked for which list. What is in one is no secret from who has the page, and it only
// says where a page begins: what may be seen is decided anew for each.
package cursor

import (
	"errors"

	"siegel/internal/kit/bookmark"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// version is raised when the meaning of a cursor changes.
const version = 1

const (
	label     = "siegel/v1 list cursor"
	placeSize = mail.IDSize
)

// MaxText is how many characters a cursor has at most.
const MaxText = 40

var errCursor = errors.New("cursor: it is of another list")

// List is what is paged through: which list, filtered how, of whom.
type List struct {
	Tenant  mail.TenantID
	Person  mail.ID
	Name    string
	Filters []string
}

// fields are what a cursor is bound to.
func (l List) fields() [][]byte {
	f := [][]byte{l.Tenant[:], l.Person[:], []byte(l.Name)}
	for _, filter := range l.Filters {
		f = append(f, []byte(filter))
	}
	return f
}

// Behind returns the cursor of the page that begins behind a place.
func (l List) Behind(place [placeSize]byte) string {
	return bookmark.Text(label, append([]byte{version}, place[:]...), l.fields()...)
}

// Place reads a cursor of this list. It fails with kind Invalid for one of another list, of
// another person, or none at all.
func (l List) Place(text string) (place [placeSize]byte, err error) {
	b, ok := bookmark.Place(label, text, 1+placeSize, l.fields()...)
	if !ok || b[0] != version {
		return place, fault.Because(fault.Invalid, "this cursor belongs to another list; please begin at the first page", errCursor)
	}
	return [placeSize]byte(b[1:]), nil
}

// Page cuts a page out of a whole list: up to limit items behind the one that a cursor
// names, and the cursor of the next page, empty where this is the last. Where the item is
// gone meanwhile it fails with kind Invalid.
func Page[T any](l List, all []T, at string, limit int, id func(T) mail.ID) (page []T, next string, err error) {
	if at != "" {
		place, err := l.Place(at)
		if err != nil {
			return nil, "", err
		}
		i := 0
		for i < len(all) && id(all[i]) != mail.ID(place) {
			i++
		}
		if i == len(all) {
			return nil, "", fault.New(fault.Invalid, "the list has changed since; please begin at the first page")
		}
		all = all[i+1:]
	}
	if len(all) > limit {
		all = all[:limit]
		next = l.Behind(id(all[limit-1]))
	}
	return all, next, nil
}
