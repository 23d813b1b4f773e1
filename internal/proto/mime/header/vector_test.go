package header_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/proto/mime/header"
	"siegel/test/corpus"
)

// vectors loads one file of the header vectors. Each header ends where its
// value does: what follows belongs to the next field or the body.
func vectors[T any](t *testing.T, name string) (list []struct {
	Header   string `json:"header"`
	Expected T      `json:"expected"`
},
) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus.Dir(t), "vectors", "mail-parser-rfc", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Header = value(list[i].Header)
	}
	return list
}

// value cuts off what does not belong to the value.
func value(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' && (i+1 == len(s) || s[i+1] != ' ' && s[i+1] != '\t') {
			if strings.TrimSpace(s[:i]) != "" {
				return s[:i]
			}
		}
	}
	return s
}

func TestAddressVectors(t *testing.T) {
	type mailbox struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	}
	type list struct {
		List  []mailbox
		Group []struct {
			Name      string    `json:"name"`
			Addresses []mailbox `json:"addresses"`
		}
	}
	// Where we differ, and why. With a name in angle brackets or before them,
	// comments are comments; they are a name only if there is no other.
	exceptions := map[string]string{
		"Pete(A nice":                          "a comment beside a name is no part of it",
		"A Group(Some people)\n        :Chris": "the same",
		"(Empty list)(start)":                  "the same",
		"Nathaniel Borenstein":                 "the same",
		"Name (comment)":                       "the same",
		"Mary Smith <@node.test":               "the route is dropped, blanks around dots are too (RFC 5322 section 4.4)",
		"John Doe <jdoe@machine(comment)":      "blanks around dots are dropped (RFC 5322 section 4.4)",
		"NO (posting":                          "\"NO\" is no address",
		"\"\\\\\\\\":                           "the same name, each pair of backslashes read once",
	}
	for _, v := range vectors[list](t, "address.json") {
		if excepted(v.Header, exceptions) {
			continue
		}
		var want []string
		for _, m := range v.Expected.List {
			want = append(want, fmt.Sprintf("%q %q %q", "", strings.TrimSpace(m.Name), m.Address))
		}
		for _, g := range v.Expected.Group {
			for _, m := range g.Addresses {
				want = append(want, fmt.Sprintf("%q %q %q", g.Name, strings.TrimSpace(m.Name), m.Address))
			}
		}
		var got []string
		for _, a := range header.ParseAddresses([]byte(v.Header)) {
			got = append(got, fmt.Sprintf("%q %q %q", a.Group, a.Name, a.Addr))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %s\nwant %s", v.Header, got, want)
		}
	}
}

// excepted reports whether a vector is one of those that we differ from, given
// by their beginnings with the reason.
func excepted(vector string, exceptions map[string]string) bool {
	for beginning := range exceptions {
		if strings.HasPrefix(vector, beginning) {
			return true
		}
	}
	return false
}

func TestDateVectors(t *testing.T) {
	type date struct {
		Year, Month, Day, Hour, Minute, Second int
		Before                                 bool `json:"tz_before_gmt"`
		TzHour                                 int  `json:"tz_hour"`
		TzMinute                               int  `json:"tz_minute"`
	}
	exceptions := map[string]string{
		" 4 8 15 16 23 42": "numbers are no date",
		"by 2002:aa7":      "a Received field is not a date",
	}
	for _, v := range vectors[*date](t, "date.json") {
		if excepted(v.Header, exceptions) {
			continue
		}
		got, ok := header.Date([]byte(v.Header))
		if v.Expected == nil {
			if ok {
				t.Errorf("%q: got %v, want none", v.Header, got)
			}
			continue
		}
		e := v.Expected
		offset := e.TzHour*60 + e.TzMinute
		if e.Before {
			offset = -offset
		}
		want := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d %d", e.Year, e.Month, e.Day, e.Hour, e.Minute, e.Second, offset)
		_, seconds := got.Zone()
		if s := fmt.Sprintf("%s %d", got.Format("2006-01-02 15:04:05"), seconds/60); s != want || !ok {
			t.Errorf("%q: got %s (%v), want %s", v.Header, s, ok, want)
		}
	}
}

func TestIDVectors(t *testing.T) {
	for _, v := range vectors[[]string](t, "id.json") {
		var want []string
		for _, id := range v.Expected {
			want = append(want, strings.ReplaceAll(id, " ", "")) // blanks are obsolete syntax, not part of it
		}
		if got := header.IDs([]byte(v.Header)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", v.Header, got, want)
		}
	}
}

func TestTextVectors(t *testing.T) {
	exceptions := map[string]string{
		"[SUSPECTED SPAM]":      "no blank is invented before an encoded word",
		"Some text =?utf-8?Q??": "nor in place of an empty one",
		"=?utf-8?Q?Hello":       "a line broken inside a word is one blank, not none",
	}
	for _, v := range vectors[string](t, "unstructured.json") {
		if excepted(v.Header, exceptions) {
			continue
		}
		if got := header.Text([]byte(v.Header)); got != v.Expected {
			t.Errorf("%q: got %q, want %q", v.Header, got, v.Expected)
		}
	}
}

func TestMediaVectors(t *testing.T) {
	type media struct {
		Type       string      `json:"c_type"`
		Subtype    *string     `json:"c_subtype"`
		Attributes [][2]string `json:"attributes"`
	}
	exceptions := map[string]string{
		"application/pdf\n   filename*0*=":               "only the first piece names a charset (RFC 2231 section 4.1)",
		"image/jpeg;\n   name=\"=?iso-8859-1?B?4Q==?= =": "blanks between encoded words are dropped, in quotes too",
		"name=value":        "a value without a type has parameters all the same",
		"inva/lid; name=\"": "blanks at the end of a value that is not closed are dropped",
		"test/encoded":      "control characters are dropped, and pieces behind a gap",
		"malicious/attempt": "names with several asterisks mean nothing",
	}
	for _, v := range vectors[*media](t, "content_type.json") {
		if v.Expected == nil || excepted(v.Header, exceptions) {
			continue // "/invalid": whether a type without a name is one does not matter to us
		}
		got := header.ParseMedia([]byte(v.Header))
		want := v.Expected.Type
		if v.Expected.Subtype != nil {
			want += "/" + *v.Expected.Subtype
		}
		if strings.TrimSuffix(got.Type, "/") != want {
			t.Errorf("%q: type %q, want %q", v.Header, got.Type, want)
		}
		for _, a := range v.Expected.Attributes {
			if strings.HasSuffix(a[0], "-language") {
				continue // not kept
			}
			if got.Get(a[0]) != a[1] {
				t.Errorf("%q: %s is %q, want %q", v.Header, a[0], got.Get(a[0]), a[1])
			}
		}
	}
}
