// Package fault is the one vocabulary of errors that cross a room's border.
// Each door has one table that turns a Kind into its own codes.
package fault

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"siegel/internal/kit/plural"
)

// Kind says what the caller can do about a fault.
type Kind int

// The kinds. Doors must have an answer for each of them; Kinds lists them.
const (
	Internal  Kind = iota // try again later; we look into it
	Invalid               // mend the request
	NotFound              // it is not there, or not there for you
	Denied                // ask somebody who may
	Locked                // sign in with a key first
	Conflict              // somebody else changed it, or it exists
	Busy                  // try again later
	Exhausted             // a limit or a disk is full
	Damaged               // what is kept does not verify: stop and look
)

// Kinds returns every kind, for the tests of the doors' tables.
func Kinds() []Kind {
	return []Kind{Internal, Invalid, NotFound, Denied, Locked, Conflict, Busy, Exhausted, Damaged}
}

// String returns the word of the kind, as scripts read it.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not-found"
	case Denied:
		return "denied"
	case Locked:
		return "locked"
	case Conflict:
		return "conflict"
	case Busy:
		return "busy"
	case Exhausted:
		return "exhausted"
	case Damaged:
		return "damaged"
	default:
		return "internal"
	}
}

// Error is a fault.
type Error struct {
	Kind Kind // what the caller can do
	// Public is a short sentence for the user, in English, with verbs of fmt and
	// choices of kit/plural where Args go: the key under which kit/text has its
	// translations. No names of files, rules or hosts.
	Public string
	// Args are what the sentence needs: never a secret, but it may be an address
	// or what somebody typed. Users read them, logs do not: see Error.
	Args  []any
	Cause error // may be nil; logged, never sent
}

// Error returns the public text and the cause: for logs, not for users. No
// address stands in a log, so of the arguments only numbers, times, ids,
// [Word] and [Spoken] are printed, and "…" for all others.
func (e *Error) Error() string {
	switch public := e.logged(); {
	case e.Cause == nil:
		return public
	case public == "":
		return e.Cause.Error()
	default:
		return public + ": " + e.Cause.Error()
	}
}

// Word is an argument that may be logged: a word of ours, such as a role or the
// name of a log, never what came from outside. Users read it as it is; see [Spoken].
type Word string

// Spoken is an argument that is a word of ours with a translation of its own, such as a
// role: users read it in their language (kit/text), logs in English.
type Spoken interface {
	// Spoken returns the word in English, which is the key of its translations.
	Spoken() string
}

// Readable is an argument that users read otherwise than it is compared, such as a domain
// with umlauts.
type Readable interface {
	// Readable returns what users read.
	Readable() string
}

// readable returns arguments as users read them.
func readable(args []any) []any {
	args = slices.Clone(args)
	for i, a := range args {
		if r, ok := a.(Readable); ok {
			args[i] = r.Readable()
		}
	}
	return args
}

func (e *Error) logged() string {
	if len(e.Args) == 0 {
		return e.Public
	}
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		if args[i] = a; !harmless(a) {
			args[i] = elided{}
		}
	}
	return plural.Format(e.Public, args...)
}

// harmless reports whether an argument may stand in a log: by its type, since
// nobody can tell an address from its octets alone.
func harmless(a any) bool {
	switch a.(type) {
	case nil, Word, Spoken, time.Time, time.Duration, Kind:
		return true
	}
	switch t := reflect.TypeOf(a); t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	case reflect.Array: // of octets: ids and hashes
		return t.Elem().Kind() == reflect.Uint8
	default:
		return false
	}
}

// elided is printed in the place of an argument, for every verb.
type elided struct{}

// Format implements [fmt.Formatter].
func (elided) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "…") }

// Format implements [fmt.Formatter]: every verb prints what Error returns, also
// those that would print the fields.
func (e *Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// MarshalText implements [encoding.TextMarshaler] for handlers that encode an
// error as a value.
func (e *Error) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes a fault without a cause.
func New(k Kind, public string) error { return &Error{Kind: k, Public: public} }

// Newf makes a fault whose text is made from a format.
func Newf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Public: format, Args: args}
}

// Because makes a fault with a cause. It returns nil for a nil cause.
func Because(k Kind, public string, cause error) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: k, Public: public, Cause: cause}
}

// Of returns the kind of an error: that of the outermost fault in its chain,
// Internal where there is none.
func Of(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// at is an error about one field of what was given.
type at struct {
	field string
	error
}

// Unwrap returns the error.
func (a *at) Unwrap() error { return a.error }

// At says which field of what was given an error is about, so that a form can say it there.
// It returns nil for a nil error.
func At(field string, err error) error {
	if err == nil {
		return nil
	}
	return &at{field, err}
}

// Field returns the field that an error is about, empty where it is about none.
func Field(err error) string {
	if a, ok := errors.AsType[*at](err); ok {
		return a.field
	}
	return ""
}

// Inside is what a user reads of an error that is no fault.
const Inside = "something failed inside; please try again later"

// Sentence returns what a user may read of an error, untranslated: the format
// and arguments of the outermost fault in its chain, [Readable] ones as they are read, or
// [Inside].
func Sentence(err error) (format string, args []any) {
	var e *Error
	if errors.As(err, &e) && e.Public != "" {
		return e.Public, readable(e.Args)
	}
	return Inside, nil
}

// Each returns the faults of a request that were joined, such as the rules that a
// password breaks, or the entries that are damaged, and otherwise the error alone.
func Each(err error) []error {
	outer, _ := errors.AsType[*Error](err)
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok || outer == nil {
		return []error{err}
	}
	list := joined.Unwrap()
	for i, one := range list {
		f, ok := one.(*Error) //nolint:errorlint // what is wrapped has a context of its own
		if !ok || (f.Kind != Invalid && f.Kind != Damaged) || (i == 0 && f != outer) {
			return []error{err}
		}
	}
	return list
}

// Wrap puts a context before *err where it is not nil. Use it deferred, once in
// a function.
func Wrap(err *error, format string, args ...any) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *err)
	}
}
