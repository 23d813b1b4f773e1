package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"siegel/internal/archive"
	"siegel/internal/archive/export"
	"siegel/internal/flow/ingest"
	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/identity/ceremony"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Deps are the rooms that commands reach.
type Deps struct {
	Identity *identity.Identity
	Archive  *archive.Archive
	Index    *index.Index
	Ingest   *ingest.Room
	Exports  *export.Room
	// Find returns what finds messages of an export for a session.
	Find     func(s *identity.Session) export.Finder
	Evidence Evidence
	Nodes    Nodes
	Tally    *tally.Room
	Ceremony *ceremony.Room
	Pages    func() string // address of the door for browsers, empty where it is shut
	Log      *slog.Logger
}

// Credentials sign a person in. They are part of every command that a person
// gives.
type Credentials struct {
	As       string `json:"as"`
	Tenant   string `json:"tenant,omitempty"`
	Password string `json:"password"`
}

// maxBody bounds a command, in octets.
const maxBody = 1 << 20

// ResultHeader is the field of an answer of octets that has its result, as JSON.
const ResultHeader = "Siegel-Result"

// Console answers commands. Use it from many goroutines.
type Console struct {
	Deps
	texts *text.Catalog
	mux   *http.ServeMux

	once     sync.Once
	stopping chan struct{} // closed by Stop
}

// New returns the handler.
func New(d Deps) *Console {
	c := &Console{Deps: d, texts: text.New(), mux: http.NewServeMux(), stopping: make(chan struct{})}
	all := c.commands()
	maps.Copy(all, c.sourceCommands())
	for name, f := range all {
		c.mux.HandleFunc("POST /v1/"+name, c.serve(f))
	}
	c.mux.HandleFunc("POST /v1/import", c.takeImport)
	return c
}

// Stop ends imports, which would go on for hours; other commands come to their end. It
// may be called again.
func (c *Console) Stop() { c.once.Do(func() { close(c.stopping) }) }

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// call is one command in progress.
type call struct {
	w    http.ResponseWriter
	body []byte
	lang text.Lang
	sent bool // octets have been sent; an error can only break the answer off
	gone bool // nobody takes the answer any more
}

// partial is a result that is worth having with an error beside it: what is
// whole where something is damaged.
type partial interface{ partial() }

// command carries out a call and returns its result, or nil where it has sent
// octets.
type command func(ctx context.Context, k *call) (any, error)

// Line is one event of an answer.
type Line struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// Progress says how far a command is.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Error is a fault as a command prints it.
type Error struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Field string `json:"field,omitempty"` // of what was given, where it is about one
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

func (c *Console) serve(f command) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k := &call{w: w, lang: text.Parse(r.Header.Get("Accept-Language"))}
		var err error
		if k.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			c.fail(k, fault.Because(fault.Invalid, "the command is too long", err))
			return
		}
		result, err := f(r.Context(), k)
		clear(k.body)
		switch {
		case err != nil && k.gone:
			c.Log.Debug("who gave a command left before its answer ended", "command", r.URL.Path)
			panic(http.ErrAbortHandler)
		case err != nil && k.sent:
			c.Log.Error("a command broke off", "command", r.URL.Path, "error", err)
			panic(http.ErrAbortHandler) // the client must not take the rest for the whole
		case err != nil:
			if fault.Of(err) == fault.Internal {
				c.Log.Error("a command failed", "command", r.URL.Path, "error", err)
			}
			if _, rest := result.(partial); rest {
				if b, broken := json.Marshal(result); broken == nil {
					k.write(Line{Result: b, Error: Explain(c.texts, k.lang, err)})
					return
				}
			}
			c.fail(k, err)
		case !k.sent || result != nil:
			b, err := json.Marshal(result)
			if err != nil {
				c.fail(k, err)
				return
			}
			k.write(Line{Result: b})
		}
	}
}

// fail sends an error in the language of the client. Problems of a
// configuration and the like, which are joined, come one per line.
func (c *Console) fail(k *call, err error) {
	k.write(Line{Error: Explain(c.texts, k.lang, err)})
}

// Explain turns an error into what a user reads.
func Explain(texts *text.Catalog, l text.Lang, err error) *Error {
	err = Room(err)
	var lines []string
	for _, one := range fault.Each(err) {
		sentence, args := fault.Sentence(one)
		lines = append(lines, texts.Say(l, sentence, args...))
	}
	return &Error{Kind: fault.Of(err).String(), Text: strings.Join(lines, "\n"), Field: fault.Field(err)}
}

// Room makes a fault of an error that says there is no room on a disk.
func Room(err error) error {
	_, known := errors.AsType[*fault.Error](err)
	if !known && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)) {
		return fault.Because(fault.Exhausted, "the disk is full, and nothing was written: free some space and try again", err)
	}
	return err
}

func (k *call) write(l Line) {
	b, err := json.Marshal(l)
	if err != nil {
		return // the types above always encode
	}
	k.w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = k.w.Write(append(b, '\n')) // the client may have gone
	if f, ok := k.w.(http.Flusher); ok {
		f.Flush()
	}
}

// progress tells the client how far the command is.
func (k *call) progress(done, total int64) { k.write(Line{Progress: &Progress{done, total}}) }

// octets begins an answer of octets.
func (k *call) octets(result any) error {
	b, err := json.Marshal(result)
	if err != nil {
		return err
	}
	k.w.Header().Set("Content-Type", "application/octet-stream")
	k.w.Header().Set(ResultHeader, string(b))
	k.sent = true
	return nil
}

// read decodes the command's body, and refuses fields that nobody knows and
// what follows the command.
func (k *call) read(v any) error {
	d := json.NewDecoder(newReader(k.body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, behind := d.Token(); !errors.Is(behind, io.EOF) {
			err = errBehind
		}
	}
	return fault.Because(fault.Invalid, "the command cannot be read", err)
}

var errBehind = errors.New("something follows the command")

// signed runs f in the session of whoever gives the command.
func (c *Console) signed(ctx context.Context, cred Credentials, f func(*identity.Session) (any, error)) (_ any, err error) {
	s, err := c.Identity.SignIn(ctx, cred.Tenant, mail.NewAddress(cred.As), []byte(cred.Password))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return f(s)
}
