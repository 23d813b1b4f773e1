package checkup_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"siegel/internal/app/checkup"
	"siegel/internal/app/settings"
	"siegel/internal/archive"
	"siegel/internal/front/console"
	"siegel/internal/index/extract"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Each thing that can be wrong has its row, its state and its remedy (EX-19).
func TestFindings(t *testing.T) {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	broken := fault.Because(fault.Invalid, "the configuration has problems", errors.Join(
		errors.Join(settings.Problem{Field: "lmtp.listen", What: checkup.Say("line %d", 3), Remedy: checkup.Say("x")}),
		errors.Join(settings.Problem{Field: "log.level", What: checkup.Say("line %d", 4), Remedy: checkup.Say("x")})))
	lost := mail.NewID()
	nodes := []console.Node{{Name: "a", State: "ready"}, {Name: "b", State: "gone", Seen: seen}, {Name: "c", State: "idle"}}
	for name, tt := range map[string]struct {
		got  []console.Finding
		want []string // state, and what is said
	}{
		"a server":         {[]console.Finding{checkup.Runs(seen, "v1")}, []string{"ok a server runs since 2026-01-02T03:04:05Z (v1)"}},
		"no server":        {[]console.Finding{checkup.Stopped("d", false)}, []string{"warn no server runs on this data directory: no mail is taken"}},
		"a stopped node":   {[]console.Finding{checkup.Stopped("d", true)}, []string{"warn no server runs on this data directory: this node takes no mail"}},
		"a configuration":  {checkup.Configuration("f.yaml", nil), []string{"ok f.yaml has no problems"}},
		"a broken one":     {checkup.Configuration("f.yaml", broken), []string{"bad f.yaml has problems, and the next start would fail: lmtp.listen, log.level", "bad lmtp.listen: line 3", "bad log.level: line 4"}},
		"an open door":     {checkup.Doors(true, "firm", 2), nil},
		"nobody knocks":    {checkup.Doors(false, "firm", 0), nil},
		"a shut door":      {checkup.Doors(false, "firm", 1), []string{"warn tenant firm has 1 registered source, and the journal door is shut"}},
		"nodes":            {checkup.Nodes(nodes, "gone", "idle"), []string{"ok 2 nodes run", "warn the node b said nothing since 2026-01-02", "warn the node c runs and answers nobody"}},
		"attachments":      {[]console.Finding{checkup.Attachments(extract.Able{PDF: true, Offline: true, Blind: true}, nil)}, []string{"ok attachments are read, PDF too"}},
		"no pdftotext":     {[]console.Finding{checkup.Attachments(extract.Able{Offline: true, Blind: true}, nil)}, []string{"warn pdftotext is missing"}},
		"not shut off":     {[]console.Finding{checkup.Attachments(extract.Able{PDF: true, Offline: true}, nil)}, []string{"warn this system takes not all"}},
		"no child":         {[]console.Finding{checkup.Attachments(extract.Able{}, extract.ErrNone)}, []string{"warn the process that reads attachments cannot be started"}},
		"nothing came":     {[]console.Finding{checkup.Growth(console.Space{Free: 1 << 40, Empty: true})}, []string{"ok nothing has arrived yet: how long the disk lasts cannot be told"}},
		"nothing lately":   {[]console.Finding{checkup.Growth(console.Space{Free: 1 << 40})}, []string{"ok nothing arrived in the last 7 days"}},
		"a young house":    {[]console.Finding{checkup.Growth(console.Space{Free: 1 << 40, PerDay: 1, Young: true})}, []string{"ok less than a day"}},
		"years":            {[]console.Finding{checkup.Growth(console.Space{PerDay: 1, Days: days(4000)})}, []string{"ok at the rate of the last 7 days the disk lasts for years"}},
		"weeks":            {[]console.Finding{checkup.Growth(console.Space{PerDay: 1, Days: days(20)})}, []string{"warn at the rate of the last 7 days the disk is full in 20 days"}},
		"days":             {[]console.Finding{checkup.Growth(console.Space{PerDay: 1, Days: days(1)})}, []string{"bad at the rate of the last 7 days the disk is full in 1 day"}},
		"packs":            {[]console.Finding{checkup.Packs("firm", archive.Sample{Looked: 40})}, []string{"ok of tenant firm 40 packs were looked for"}},
		"packs are missed": {[]console.Finding{checkup.Packs("firm", archive.Sample{Looked: 40, Missing: []mail.ID{lost}})}, []string{"bad of tenant firm 40 packs were looked for, and 1 is missing or too short, for example " + lost.String()}},
	} {
		if len(tt.got) != len(tt.want) {
			t.Errorf("%s: %v", name, tt.got)
			continue
		}
		for i, f := range tt.got {
			if !strings.HasPrefix(f.State+" "+f.What.String(), tt.want[i]) {
				t.Errorf("%s: %s %s, want %s", name, f.State, f.What, tt.want[i])
			}
			if f.State != checkup.Fine && f.Remedy.Text == "" {
				t.Errorf("%s: there is no remedy", name)
			}
		}
	}
}

func days(n int64) *int64 { return &n }
