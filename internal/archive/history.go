package archive

import (
	"context"
	"slices"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal/sequence"
)

// History is what is known of a message beside its octets.
type History struct {
	Arrived time.Time
	Leaf    int64 // its place in the tenant's message log
	// Sealed is to whom it is sealed: everybody for who holds the archive, for others
	// the archive and they themselves, so that nobody learns of a Bcc.
	Sealed []mail.HolderID
	All    bool // Sealed has everybody
}

// History returns what is known of a message that the session can open; otherwise it
// fails with kind NotFound, as where there is none. It opens nothing.
func (a *Archive) History(ctx context.Context, s Reader, id mail.ID) (h History, err error) {
	defer fault.Wrap(&err, "history")
	r, err := a.find(ctx, s.Tenant(), id)
	if err != nil {
		return h, err
	}
	list, err := sequence.Holders(ctx, s.Tenant(), id)
	if err != nil {
		return h, err
	}
	h = History{Arrived: r.arrived, Leaf: r.leaf, All: s.Unlocked().Holds(s.Archive()) && slices.Contains(list, s.Archive())}
	for _, holder := range list {
		if h.All || holder == s.Archive() || holder == s.Unlocked().Person() {
			h.Sealed = append(h.Sealed, holder)
		}
	}
	// Who was given it in a case reaches it by a holder that is neither.
	if !slices.ContainsFunc(list, s.Unlocked().Holds) {
		return History{}, errMissing()
	}
	slices.SortFunc(h.Sealed, func(x, y mail.HolderID) int { return slices.Compare(x[:], y[:]) })
	return h, nil
}
