package trail

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/plural"
	"siegel/internal/mail"
)

// TableKind is the media type of a table.
const TableKind = "text/csv; charset=utf-8"

// TableName is under which name a client saves a table.
func TableName(now time.Time) string { return "audit-" + now.UTC().Format(time.DateOnly) + ".csv" }

// Table writes the events that are meant, newest first, as a table (CSV, RFC 4180). That it
// was done is an event before the first octet is written. It fails as Look does. Events that
// are damaged are no failure: they are left out, and the last lines name them, in English, as
// the head of the table is. Detail is what the API has under that name, as JSON: numbers, ids
// and words of the log, which no language changes.
func (d Deps) Table(ctx context.Context, s *identity.Session, f Filter, to io.Writer) error {
	names, err := d.names(ctx, s, f)
	if err != nil {
		return err
	}
	detail := map[string]any{"what": f.What, "person": f.Person.String()}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			detail[name] = at.UTC().Format(time.RFC3339)
		}
	}
	err = d.Trail.Record(ctx, s.Tenant(), mail.HolderID{}, audit.Event{What: "audit.export", Who: s.Person().String(), Detail: detail})
	if err != nil {
		return err
	}
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if err := w.Write([]string{"index", "time", "who", "what", "object", "old", "new", "note", "detail"}); err != nil {
		return err
	}
	err = d.each(ctx, s, f, names, Begin, func(e Event, meant bool) error {
		if !meant {
			return nil
		}
		more, err := spelled(e.Detail)
		if err != nil {
			return err
		}
		line := []string{strconv.FormatInt(e.Index, 10), e.Time.UTC().Format(time.RFC3339), e.Actor(), e.What, e.Target(), e.Old, e.New, e.Note, more}
		for i := 2; i < len(line); i++ {
			line[i] = harmless(line[i])
		}
		return w.Write(line)
	})
	if fault.Of(err) == fault.Damaged && err != nil {
		err = damaged(w, err)
	}
	w.Flush()
	return cmp.Or(err, w.Error())
}

// spelled is what else an event has, as programs get it: a JSON object, its names in order;
// empty where there is nothing.
func spelled(detail map[string]any) (string, error) {
	if len(detail) == 0 {
		return "", nil
	}
	var b strings.Builder
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	err := w.Encode(detail)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// damaged writes a line for each event that is left out.
func damaged(w *csv.Writer, why error) error {
	for _, one := range fault.Each(why) {
		sentence, args := fault.Sentence(one)
		if err := w.Write([]string{"", "", "", "damaged", "", "", "", harmless(plural.Format(sentence, args...)), ""}); err != nil {
			return err
		}
	}
	return nil
}

// harmless keeps a spreadsheet from taking what somebody wrote for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
