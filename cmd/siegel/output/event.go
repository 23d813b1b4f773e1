package output

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is an audit event as the console lists it.
type Event struct {
	Index  int64          `json:"index"`
	Time   time.Time      `json:"time"`
	What   string         `json:"what"`
	Who    string         `json:"who"`
	Object string         `json:"object,omitempty"`
	Old    string         `json:"old,omitempty"`
	New    string         `json:"new,omitempty"`
	Detail map[string]any `json:"detail,omitempty"`
	Note   string         `json:"note,omitempty"`

	ID          string `json:"id"`
	WhoEmail    string `json:"who_email,omitempty"`
	ObjectEmail string `json:"object_email,omitempty"`
}

// most is how many elements of a list people see; --json has all of them.
const most = 3

// Line says an event in one line, and what more there is in a second one, in the
// language of say.
func (e Event) Line(say func(sentence string, args ...any) string) string {
	who := cmp.Or(e.WhoEmail, e.Who)
	line := fmt.Sprintf("%6d %s  %-22s %s", e.Index, e.Time.Local().Format(time.DateTime), e.What, who)
	if e.Object != "" && e.Object != e.Who {
		line += " > " + cmp.Or(e.ObjectEmail, e.Object)
	}
	var more []string
	if e.Old != "" || e.New != "" {
		more = append(more, strings.TrimSpace(e.Old+" -> "+e.New))
	}
	if e.Note != "" {
		more = append(more, fmt.Sprintf("%q", Clip(e.Note, 100)))
	}
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		// What the program needs and nobody reads stays in --json.
		if !slices.Contains([]string{"note", "note-to", "holder", "requester", "assignment"}, k) {
			more = append(more, k+"="+detail(say, e.Detail[k]))
		}
	}
	if len(more) > 0 {
		line += "\n       " + strings.Join(more, "  ")
	}
	return line
}

// detail says a value of a detail as JSON has it: its numbers are whole.
func detail(say func(sentence string, args ...any) string, v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var list []string
		for _, one := range v[:min(most, len(v))] {
			list = append(list, detail(say, one))
		}
		if more := len(v) - most; more > 0 {
			list = append(list, say("… and %d more", more))
		}
		return "[" + strings.Join(list, " ") + "]"
	default:
		return fmt.Sprint(v)
	}
}
