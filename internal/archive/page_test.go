package archive_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// paged opens a page and returns the octets of its messages; nil where one has a problem.
func (h *hall) paged(v *visitor, reason string, ids ...mail.ID) (list [][]byte, errs []error, err error) {
	h.Helper()
	page, err := h.archive.Page(h.Context(), v, archive.PageOf{IDs: ids, What: "export.page", Object: mail.NewID(), Reason: reason})
	for _, p := range page {
		m, err := p.Open(h.Context())
		errs = append(errs, err)
		if err != nil {
			list = append(list, nil)
			continue
		}
		b, err := io.ReadAll(m)
		h.ok(errors.Join(err, m.Close()))
		list = append(list, b)
		p.Close()
		p.Close()
		if _, err := p.Open(h.Context()); fault.Of(err) != fault.Locked {
			h.Errorf("a closed message opens: %v", err)
		}
	}
	return list, errs, err
}

// CR-09, CR-10: a page is one event that names every message which it opens, before one
// of their octets is read; the rules are those of a single message.
func TestPage(t *testing.T) {
	h := newHall(t)
	ann, bob, keeper := h.members["ann"], h.members["bob"], h.members["keeper"]
	mine := h.deliver(octets("To: ann@example.com\r\n\r\nmine"), "", "ann@example.com")
	hers := h.deliver(octets("To: bob@example.com\r\n\r\nhers"), "", "bob@example.com")
	events := func() (list []audit.Entry) {
		h.ok(h.trail.List(h.Context(), h.tenant, nil, 1000, func(e audit.Entry) error {
			if e.What == "export.page" {
				list = append(list, e)
			}
			return nil
		}))
		return list
	}
	gets := h.store.gets.Load()
	_, _, err := h.paged(keeper, " .", mine, hers)
	h.want("no reason for what is not one's own", err, fault.Invalid)
	if len(events()) != 0 || h.store.gets.Load() != gets {
		t.Error("something was opened without a reason")
	}
	h.store.got = func() {
		if len(events()) == 0 {
			t.Error("octets were read before the audit log had it")
		}
	}
	list, _, err := h.paged(keeper, "case 7", mine, hers)
	h.ok(err)
	if fmt.Sprintf("%q", list) != `["To: ann@example.com\r\n\r\nmine" "To: bob@example.com\r\n\r\nhers"]` {
		t.Errorf("%q", list)
	}
	h.store.got = nil
	one := events()
	if len(one) != 1 || one[0].Who != keeper.id.String() || fmt.Sprint(one[0].Detail["messages"]) != fmt.Sprint([]string{mine.String(), hers.String()}) {
		t.Errorf("%+v", one)
	}
	// What is somebody else's is as if it were not there, and the rest goes on.
	list, errs, err := h.paged(ann, "", mine, hers, mail.NewID())
	h.ok(err)
	if string(list[0]) != "To: ann@example.com\r\n\r\nmine" || fault.Of(errs[1]) != fault.NotFound || fault.Of(errs[2]) != fault.NotFound || errs[1].Error() != errs[2].Error() {
		t.Errorf("%q, %v", list, errs)
	}
	if detail := events()[0].Detail; fmt.Sprint(detail["messages"]) != "["+mine.String()+"]" || fmt.Sprint(detail["own"]) != "1" {
		t.Errorf("%v", detail)
	}
	before := len(events())
	if _, errs, err := h.paged(bob, "", mine); err != nil || errs[0] == nil || len(events()) != before {
		t.Errorf("nothing was opened, and an event says so: %v, %v", errs, err)
	}
	if _, _, err := h.paged(keeper, "x", make([]mail.ID, archive.MaxPage+1)...); err == nil {
		t.Error("a page of any size")
	}
	h.row(`UPDATE archive_message SET size = size + 1 WHERE tenant = $1 AND leaf = 1`)
	_, errs, err = h.paged(keeper, "case 7", mine, hers)
	h.ok(err)
	if errs[0] != nil || fault.Of(errs[1]) != fault.Damaged {
		t.Errorf("damage: %v", errs)
	}
}
