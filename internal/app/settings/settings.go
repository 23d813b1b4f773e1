// Package settings reads a YAML file into fields and names every problem of it,
// each by its field. It quotes nothing of what is no configuration: a file that
// was named by mistake may be a key.
package settings

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"siegel/internal/front/console"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Field  string           // as it stands in the file: lmtp.listen; or the file's name
	What   console.Sentence // what is wrong
	Remedy console.Sentence // what to do
}

// Error implements error.
func (p Problem) Error() string { return p.Field + ": " + p.What.String() + "; " + p.Remedy.String() }

// say makes a sentence.
func say(sentence string, args ...any) console.Sentence {
	return console.Sentence{Text: sentence, Args: args}
}

// maxFile bounds a configuration, in octets.
const maxFile = 1 << 20

// Load reads a file over the fields that into points to. A missing file and an
// empty one change nothing. The error joins each [Problem]; fields without one
// have been read all the same.
func Load(path string, into any) error {
	b, err := read(path)
	name := filepath.Base(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return Problem{name, say("the file %s cannot be read", path), say("check the path and its mode")}
	case len(b) > maxFile || !isText(b):
		return Problem{name, say("this is no configuration"), say("name a YAML file; siegel config prints one")}
	case strings.TrimSpace(string(b)) == "":
		return nil
	}
	whole := reflect.New(reflect.TypeOf(into).Elem())
	whole.Elem().Set(reflect.ValueOf(into).Elem())
	err = yaml.UnmarshalWithOptions(b, whole.Interface(), yaml.Strict())
	if err == nil {
		reflect.ValueOf(into).Elem().Set(whole.Elem())
		return nil
	}
	// The decoder stops at the first problem, and knows its place only.
	file, broken := parser.ParseBytes(b, 0)
	if broken != nil { // a field that stands twice is told as such, with its lines
		if file, err = parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey()); err != nil {
			return notYAML(name, broken)
		}
		err = broken
	}
	var r reader
	for _, doc := range file.Docs {
		r.fields(name, 1, doc.Body, reflect.ValueOf(into).Elem())
	}
	if len(r.problems) == 0 {
		return notYAML(name, err)
	}
	return errors.Join(r.problems...)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return b, errors.Join(err, f.Close())
}

// isText reports whether octets are text that a terminal may show.
func isText(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// notYAML is the problem of a file that has no form.
func notYAML(name string, err error) error {
	line, why := 1, ""
	var at yaml.Error
	if errors.As(err, &at) {
		why = plain(at.GetMessage())
		if t := at.GetToken(); t != nil {
			line = t.Position.Line
		}
	}
	return Problem{name, say("line %d is not as YAML has it (%s)", line, why), say("siegel config shows how it is written")}
}

// maxQuoted is how much of a file is quoted at most, in characters.
const maxQuoted = 80

// plain makes what stands in a file fit for a terminal.
func plain(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		s = string(r[:maxQuoted]) + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// reader collects problems.
type reader struct{ problems []error }

func (r *reader) problem(field string, what, remedy console.Sentence) {
	r.problems = append(r.problems, Problem{field, what, remedy})
}

// fields reads what stands below a field, which begins in a line.
func (r *reader) fields(path string, line int, node ast.Node, into reflect.Value) {
	var list []*ast.MappingValueNode
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return
	case *ast.MappingNode:
		list = n.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{n}
	case *ast.AnchorNode:
		r.fields(path, line, n.Value, into)
		return
	default:
		r.problem(path, say("line %d has a value of another kind", line), say("write its fields below it; siegel config shows them"))
		return
	}
	seen := make(map[string]int) // lines of the fields
	for _, one := range list {
		at, key := one.Key.GetToken().Position.Line, one.Key.GetToken().Value
		name := plain(key)
		if node.GetPath() != "$" {
			name = path + "." + name
		}
		field, there := lookUp(into, key)
		first, twice := seen[key]
		seen[key] = at
		switch {
		case twice:
			r.problem(name, say("line %d has this field a second time, after line %d", at, first), say("keep one of the two, with all that belongs to it"))
		case !there:
			r.problem(name, say("there is no such field (line %d)", at), say("siegel config shows all that there are"))
		case field.Kind() == reflect.Struct:
			r.fields(name, at, one.Value, field)
		default:
			r.value(name, at, one.Value, field)
		}
	}
}

// lookUp returns the field with a name.
func lookUp(in reflect.Value, name string) (reflect.Value, bool) {
	for i := range in.NumField() {
		if in.Type().Field(i).Tag.Get("yaml") == name {
			return in.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func (r *reader) value(path string, line int, node ast.Node, into reflect.Value) {
	got := reflect.New(into.Type())
	if yaml.NodeToValue(node, got.Interface(), yaml.Strict()) == nil {
		into.Set(got.Elem())
		return
	}
	var remedy console.Sentence
	switch {
	case into.Type() == reflect.TypeFor[time.Duration]():
		remedy = say("write a duration such as 30s or 5m")
	case into.Kind() == reflect.Slice:
		remedy = say("write a list in brackets")
	case into.Kind() == reflect.String:
		remedy = say("write one text")
	case into.Kind() == reflect.Bool:
		remedy = say("write true or false")
	default:
		remedy = say("write a number")
	}
	r.problem(path, say("line %d has a value of another kind", line), remedy)
}
