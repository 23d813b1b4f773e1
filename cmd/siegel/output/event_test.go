package output_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"siegel/cmd/siegel/output"
)

// People see whole numbers, and of a long list its first elements and how many more
// there are.
func TestEventLine(t *testing.T) {
	const event = `{"index":7,"what":"export.page","who":"x","detail":{
		"octets":3261170,"most":9007199254740991,"ids":["a","b","c","d","e"],"three":["a","b","c"],"sizes":[4000000],"none":[],"resumed":false}}`
	var e output.Event
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(e.Line(fmt.Sprintf), "\n       ")
	want := "ids=[a b c … and 2 more]  most=9007199254740991  none=[]  octets=3261170  resumed=false  sizes=[4000000]  three=[a b c]"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
