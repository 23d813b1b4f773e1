package request

import "siegel/internal/audit"

// Asked is the event of a new request, of who makes it.
func (r Request) Asked() audit.Event {
	e := audit.Event{What: "access.request", Who: r.Requester.String(), Object: r.Person.String(), New: r.Value, Detail: map[string]any{"request": r.ID.String()}}
	if r.Kind == Domain {
		e = audit.Event{What: "domain.request", Who: e.Who, Object: r.Tenant.String(), New: r.Value, Detail: e.Detail}
	}
	return e
}

// Granted is the event of a request that was carried out, by whom. Old is what was there
// before; of a domain there was nothing.
func (r Request) Granted(who, old string) audit.Event {
	detail := map[string]any{"request": r.ID.String(), "requester": r.Requester.String()}
	if r.Kind == Domain {
		return audit.Event{What: "domain.add", Who: who, Object: r.Tenant.String(), New: r.Value, Detail: detail}
	}
	return audit.Event{What: "access.approve", Who: who, Object: r.Person.String(), Old: old, New: r.Value, Detail: detail}
}

// Ended is the event of a request that was not carried out, by whom.
func (r Request) Ended(who string) audit.Event {
	what, object := "access.reject", r.Person
	switch {
	case r.Kind == Domain && r.State == Withdrawn:
		what, object = "domain.withdraw", r.Tenant
	case r.Kind == Domain:
		what, object = "domain.reject", r.Tenant
	case r.State == Withdrawn:
		what = "access.withdraw"
	}
	return audit.Event{What: what, Who: who, Object: object.String(), Old: r.Value, Detail: map[string]any{"request": r.ID.String()}}
}
