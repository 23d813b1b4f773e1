package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
	"siegel/internal/mail"
	"siegel/internal/proto/parcel"
)

// An export that lacks what the search could not look at says so in export.json and at
// its end, also after an interruption; without a search nothing is lacking for that.
func TestNotSearched(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	for query, want := range map[string]int64{"from:anna": 3, "": 0} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		var diag bytes.Buffer
		c := cli.New("", nil)
		c.Out, c.Err = &output.Sink{File: out}, &diag
		x := &outgoing{Commands: Commands{c}, query: query, packer: packer{parcel.New(parcel.Plan{})}, o: exporting{to: t.TempDir(), encrypt: "none"}}
		for _, e := range []console.ExportBegun{{Job: mail.NewID(), Damaged: 3, Former: 2, Waiting: 1, Unread: 4}, {Job: mail.NewID()}} {
			if err := x.begun(e); err != nil {
				t.Fatal(err)
			}
		}
		var got state
		b, err := os.ReadFile(x.path(nameState))
		if err = errors.Join(err, json.Unmarshal(b, &got)); err != nil || got.NotSearched != want || got.Former != 2 {
			t.Errorf("%q: %s, %v", query, b, err)
		}
		if strings.Contains(diag.String(), "not searched") != (want > 0) {
			t.Errorf("%q: %s", query, diag.String())
		}
		if strings.Contains(diag.String(), "of 5 messages the attachments were not searched") != (want > 0) {
			t.Errorf("%q: %s", query, diag.String())
		}
		e, bad := errors.AsType[*console.Error](x.report())
		if bad != (want > 0) || bad && (output.Status(e.Kind) != 9 || !strings.HasPrefix(e.Text, "3 messages were not searched")) {
			t.Errorf("%q ends with %v", query, e)
		}
		x.state.Problems = 1
		if e, bad := errors.AsType[*console.Error](x.report()); !bad || output.Status(e.Kind) != 9 || strings.Contains(e.Text, "not searched") != (want > 0) || !strings.Contains(e.Text, "the manifest names it") {
			t.Errorf("%q with a problem ends with %v", query, e)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}
