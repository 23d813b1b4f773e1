package cursor_test

import (
	"slices"
	"testing"

	"siegel/internal/front/api/cursor"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

func list() cursor.List {
	return cursor.List{Tenant: mail.ID{1}, Person: mail.ID{2}, Name: "people", Filters: []string{"a", "b"}}
}

// EX-18: pages behind each other are the whole list, each item once.
func TestPages(t *testing.T) {
	var all, seen []mail.ID
	for i := range 7 {
		all = append(all, mail.ID{byte(i + 1)})
	}
	for at, n := "", 0; ; n++ {
		page, next, err := cursor.Page(list(), all, at, 3, func(id mail.ID) mail.ID { return id })
		if err != nil || n > 3 {
			t.Fatal(n, err)
		}
		if len(next) > cursor.MaxText {
			t.Errorf("a cursor of %d characters", len(next))
		}
		if seen = append(seen, page...); next == "" {
			break
		}
		at = next
	}
	if !slices.Equal(seen, all) {
		t.Errorf("%v", seen)
	}
}

// A cursor of another person, tenant, list or filter is none.
func TestBound(t *testing.T) {
	one := list()
	at := one.Behind(mail.ID{9})
	if got, err := one.Place(at); err != nil || got != (mail.ID{9}) {
		t.Fatal(got, err)
	}
	for name, change := range map[string]func(*cursor.List){
		"tenant": func(l *cursor.List) { l.Tenant = mail.ID{3} }, "person": func(l *cursor.List) { l.Person = mail.ID{3} },
		"name": func(l *cursor.List) { l.Name = "events" }, "filter": func(l *cursor.List) { l.Filters = []string{"a", "c"} },
		"filters joined": func(l *cursor.List) { l.Filters = []string{"ab"} },
	} {
		other := list()
		change(&other)
		if _, err := other.Place(at); fault.Of(err) != fault.Invalid {
			t.Errorf("of another %s: %v", name, err)
		}
	}
	if _, _, err := cursor.Page(one, []mail.ID{{1}}, at, 3, func(id mail.ID) mail.ID { return id }); fault.Of(err) != fault.Invalid {
		t.Errorf("behind what is gone: %v", err)
	}
}

// What is read as a cursor is written the same.
func FuzzPlace(f *testing.F) {
	f.Add("")
	f.Add(list().Behind(mail.ID{7}))
	f.Fuzz(func(t *testing.T, s string) {
		place, err := list().Place(s)
		if err == nil && list().Behind(place) != s {
			t.Errorf("%q has two spellings", s)
		}
	})
}
