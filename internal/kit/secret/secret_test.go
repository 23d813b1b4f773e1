package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"siegel/internal/kit/secret"
)

// known returns a key with octets that are easy to find, and these octets.
func known(t testing.TB) (secret.Key, []byte) {
	t.Helper()
	b := make([]byte, secret.Size)
	for i := range b {
		b[i] = byte(0xA1 + 2*i)
	}
	k, err := secret.From(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	return k, b
}

// leaks reports how an output shows a key, empty where it does not.
func leaks(out string, key []byte) string {
	lower := strings.ToLower(out)
	four := key[:4] // a part is as bad as the whole
	spelled := map[string]string{
		"raw":     string(four),
		"hex":     hex.EncodeToString(four),
		"decimal": fmt.Sprintf("%d %d %d", key[0], key[1], key[2]),
		"commas":  fmt.Sprintf("%d,%d,%d", key[0], key[1], key[2]),
		"octal":   fmt.Sprintf("%o %o %o", key[0], key[1], key[2]),
		"binary":  fmt.Sprintf("%b %b", key[0], key[1]),
		"0x":      fmt.Sprintf("%#x, %#x", key[0], key[1]),
		"quoted":  strings.Trim(strings.ToLower(fmt.Sprintf("%+q", four)), `"`),
		"base64":  strings.ToLower(base64.StdEncoding.EncodeToString(key[:9])),
	}
	for how, s := range spelled {
		if strings.Contains(lower, strings.ToLower(s)) {
			return how
		}
	}
	return ""
}

// holder has keys where printers may not call methods: in private fields.
type holder struct {
	name string
	key  secret.Key
	ptr  *secret.Key
	list []secret.Key
	byID map[string]secret.Key
	in   inner
	any  any
}

type inner struct{ key secret.Key }

type embedded struct{ secret.Key }

type failure struct{ h holder }

func (f failure) Error() string { return "it failed" }

type plainFailure struct {
	key secret.Key
	err error
}

func (f *plainFailure) Error() string { return fmt.Sprintf("failed: %v", *f) }

func keyed(k secret.Key) []any {
	h := holder{"h", k, &k, []secret.Key{k}, map[string]secret.Key{"a": k}, inner{k}, k}
	return []any{
		k, &k, h, &h,
		[]any{k, &h},
		map[string]any{"k": k, "h": h},
		[2]secret.Key{k, k},
		failure{h},
		&failure{h},
		&plainFailure{key: k}, fmt.Errorf("wrapped: %w", &plainFailure{k, errors.New("x")}),
		embedded{k},
	}
}

// CR-15: no verb of fmt shows a key, wherever it stands.
func TestKeyCannotBePrinted(t *testing.T) {
	k, raw := known(t)
	for _, v := range keyed(k) {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flag := range []string{"", "+", "#", "-", " ", "0", "+#", "200", ".100"} {
				format := "%" + flag + string(verb)
				if how := leaks(fmt.Sprintf(format, v), raw); how != "" {
					t.Errorf("%s of %T shows the key as %s", format, v, how)
				}
			}
		}
		if how := leaks(fmt.Sprint(v)+fmt.Sprintln(v), raw); how != "" {
			t.Errorf("Print of %T shows the key as %s", v, how)
		}
	}
	if got := fmt.Sprintf("%x|%v|%#v|%s", k, k, k, k.GoString()); got != "[secret]|[secret]|[secret]|[secret]" {
		t.Errorf("a key prints as %s", got)
	}
}

// CR-15: no logger shows a key.
func TestKeyCannotBeLogged(t *testing.T) {
	k, raw := known(t)
	var out bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		for _, v := range keyed(k) {
			l.Info("message", "key", v, slog.Group("g", "in", v))
			l.With("with", v).Error(fmt.Sprint(v))
		}
	}
	if how := leaks(out.String(), raw); how != "" {
		t.Errorf("a log shows the key as %s", how)
	}
	if out.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// CR-15: no encoder takes a key.
func TestKeyCannotBeEncoded(t *testing.T) {
	k, raw := known(t)
	public := struct {
		Name string
		Key  secret.Key
		Map  map[string]secret.Key
	}{"n", k, map[string]secret.Key{"a": k}}
	encoders := map[string]func(any) (string, error){
		"json": func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
		"xml":  func(v any) (string, error) { b, err := xml.Marshal(v); return string(b), err },
		"gob": func(v any) (string, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.String(), err
		},
	}
	for name, encode := range encoders {
		for _, v := range append(keyed(k), public, &public) {
			out, err := encode(v)
			if how := leaks(out, raw); how != "" {
				t.Errorf("%s of %T shows the key as %s", name, v, how)
			}
			if err != nil && leaks(err.Error(), raw) != "" {
				t.Errorf("the error of %s shows the key", name)
			}
		}
		for _, v := range []any{k, &k, public} {
			if _, err := encode(v); err == nil {
				t.Errorf("%s takes %T", name, v)
			}
		}
	}
	if _, err := k.MarshalText(); err == nil {
		t.Error("MarshalText gives a text")
	}
	var out bytes.Buffer
	err := template.Must(template.New("").Parse("{{.}} {{printf \"%x\" .}}")).Execute(&out, k)
	if how := leaks(out.String(), raw); how != "" || err != nil {
		t.Errorf("a template shows the key as %s, error %v", how, err)
	}
}

// style.md habit 13: == on a key does not compile, since the type is not
// comparable; neither is what has one in a field.
func TestKeyIsNotComparable(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[secret.Key](), reflect.TypeFor[inner](), reflect.TypeFor[[1]secret.Key]()} {
		if typ.Comparable() {
			t.Errorf("%v can be compared with ==", typ)
		}
	}
	k, _ := known(t)
	other := secret.Random()
	if !k.Equal(k) || k.Equal(other) {
		t.Error("Equal is wrong")
	}
}

func octets(k secret.Key) []byte {
	var out []byte
	k.Use(func(b []byte) { out = bytes.Clone(b) })
	return out
}

func TestFromTakesAndWipes(t *testing.T) {
	src := bytes.Repeat([]byte{7}, secret.Size)
	k, err := secret.From(src)
	if err != nil || !bytes.Equal(src, make([]byte, secret.Size)) {
		t.Fatalf("the source was not wiped: %x, error %v", src, err)
	}
	if !bytes.Equal(octets(k), bytes.Repeat([]byte{7}, secret.Size)) {
		t.Fatal("other octets came out")
	}
	for _, n := range []int{0, 1, 31, 33, 64} {
		b := bytes.Repeat([]byte{0xA7}, n)
		if _, err := secret.From(b); err == nil {
			t.Errorf("%d octets are a key", n)
		} else if strings.Contains(err.Error(), "a7a7") {
			t.Error("the error shows the octets")
		}
	}
	c := k.Copy()
	k.Wipe()
	if !bytes.Equal(octets(k), make([]byte, secret.Size)) || !bytes.Equal(octets(c), bytes.Repeat([]byte{7}, secret.Size)) {
		t.Error("Wipe does not wipe, or wipes the copy")
	}
	var zero secret.Key
	if !zero.IsZero() || c.IsZero() {
		t.Error("IsZero is wrong")
	}
	zero.Wipe() // harmless
	defer func() {
		if recover() == nil {
			t.Error("the zero key can be used")
		}
	}()
	zero.Use(func([]byte) {})
}

// Derived keys differ by purpose, salt and every field of the context, and are
// those of RFC 5869 over the tuple (docs/formats/README.md).
func TestDeriveSeparates(t *testing.T) {
	k, _ := known(t)
	seen := make(map[string]string)
	add := func(name string, d secret.Key) {
		h := hex.EncodeToString(octets(d))
		if was, ok := seen[h]; ok {
			t.Errorf("%s and %s give the same key", name, was)
		}
		seen[h] = name
	}
	add("a", k.Derive("a", nil))
	add("b", k.Derive("b", nil))
	add("a salted", k.Derive("a", []byte("s")))
	add("a x", k.Derive("a", nil, []byte("x")))
	add("a x ''", k.Derive("a", nil, []byte("x"), nil))
	add("ax", k.Derive("ax", nil))
	add("a x y", k.Derive("a", nil, []byte("x"), []byte("y")))
	add("a xy", k.Derive("a", nil, []byte("xy")))
	if !k.Derive("a", nil).Equal(k.Derive("a", nil)) {
		t.Error("the same derivation gives two keys")
	}
	long := k.Expand("a", 96, nil)
	if !bytes.Equal(long[:32], octets(k.Derive("a", nil))) {
		t.Error("Expand does not begin with Derive")
	}
}
