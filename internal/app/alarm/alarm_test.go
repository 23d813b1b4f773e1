package alarm_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"siegel/internal/app/alarm"
	"siegel/internal/mail"
)

// OP-01: what is found again and again is said once, for each tenant, however many find it
// at the same time; what is remembered of it is bounded.
func TestOnce(t *testing.T) {
	var log bytes.Buffer // which the handler writes to under a mutex of its own
	once := alarm.New(slog.New(slog.NewTextHandler(&log, nil)))
	said := func() int { return strings.Count(log.String(), "level=ERROR") }
	one, other, changed := mail.NewID(), mail.NewID(), errors.New("row 7 does not stand")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { once.Raise(one, changed) })
	}
	all.Wait()
	if said() != 1 || !strings.Contains(log.String(), one.String()) || !strings.Contains(log.String(), "row 7") {
		t.Fatalf("said %d times: %s", said(), log.String())
	}
	once.Raise(other, changed)
	once.Raise(one, errors.New("row 8 does not stand"))
	once.Raise(other, errors.New("row 7 does not stand")) // the same, found anew
	if said() != 3 {
		t.Errorf("another tenant's and another row: said %d times", said())
	}
	for n := range 5000 {
		once.Raise(one, fmt.Errorf("row %d of many", n))
	}
	if n := once.Remembered(); n == 0 || n > alarm.MaxSaid {
		t.Errorf("%d alarms are remembered", n)
	}
	before := said()
	once.Raise(one, fmt.Errorf("row %d of many", 4999))
	if said() != before {
		t.Error("the newest is forgotten")
	}
}
