package page

import (
	"context"
	"net/http"
	"slices"

	"siegel/internal/identity"
)

// For serves who has one of some roles, and tells others who have signed in what is true for
// them. It decides nothing: the rooms do, and refuse whoever comes by another way.
func (f *Frame) For(h Handler, roles ...identity.Role) http.Handler {
	return f.Signed(func(ctx context.Context, c *Call) error {
		if !slices.Contains(roles, c.Role()) {
			return f.Elsewhere(c)
		}
		return h(ctx, c)
	})
}

// Elsewhere is the page for who has a role that this page is not for: what the role is for,
// and where to go on.
func (f *Frame) Elsewhere(c *Call) error {
	return f.own.Show(c, http.StatusForbidden, "elsewhere", c.Say("This page is not for your role"), nil)
}
