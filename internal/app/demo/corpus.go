package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/smtp"
)

// message is a file of the corpus.
type message struct {
	path  string
	to    string // whom it is delivered to
	id    string // in the archive; empty while it has not been delivered
	sum   [32]byte
	size  int64
	exact bool // the octets go as they are; otherwise line ends become CRLF
}

// every is of how many messages of the built-in corpus one is taken.
const every = 10

// messages lists what is to be delivered.
func (d *demo) messages() ([]*message, error) {
	var list []*message
	var err error
	if d.Messages != "" {
		if _, err := os.Stat(d.Messages); err != nil {
			return nil, fault.Newf(fault.Invalid, "the folder %s cannot be read; name another with --messages", d.Messages)
		}
		list, err = collect(d.Messages, 1)
	} else {
		list, err = corpus()
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.NotFound, "there are no messages to deliver; run make deps, or name a folder with --messages")
	}
	known, err := d.delivered()
	if err != nil {
		return nil, err
	}
	for i, m := range list {
		m.to = "reader@" + domain
		if i%3 > 0 {
			m.to = "office@" + domain
		}
		b, err := m.read()
		if err != nil {
			return nil, err
		}
		m.sum, m.size = sha256.Sum256(b), int64(len(b))
		m.id = known[m.key()]
	}
	return list, nil
}

// key names a delivery for the list of what was delivered.
func (m *message) key() string {
	h := sha256.Sum256(append(m.sum[:], m.path+"\n"+m.to...))
	return hex.EncodeToString(h[:])
}

// corpus takes every tenth message of the npm package and all of the shared
// folder, where it is there.
func corpus() ([]*message, error) {
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	list, err := collect(filepath.Join(root, "node_modules", "@stdlib", "datasets-spam-assassin", "data"), every)
	if err != nil {
		return nil, err
	}
	shared := os.Getenv("SIEGEL_SHARED")
	if shared == "" {
		shared = filepath.Join(root, "..", "shared")
	}
	more, err := collect(filepath.Join(shared, "corpus"), 1)
	return append(list, more...), err
}

// checkout finds the folder with the npm packages: above the program or above
// the working directory.
func checkout() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, start := range []string{wd, filepath.Dir(exe)} {
		for dir := start; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "node_modules", "@stdlib")); err == nil {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fault.New(fault.NotFound, "the corpus is not installed; run make deps, or name a folder with --messages")
}

// collect lists the message files below a folder, every n-th of them.
func collect(dir string, n int) (list []*message, err error) {
	i := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		ext := strings.ToLower(filepath.Ext(path))
		if !slices.Contains([]string{".eml", ".msg", ".raw", ".txt"}, ext) {
			return nil
		}
		if i%n == 0 {
			list = append(list, &message{path: path, exact: ext != ".txt"})
		}
		i++
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// read returns the octets as they are sent.
func (m *message) read() ([]byte, error) {
	b, err := os.ReadFile(m.path)
	if err != nil || m.exact {
		return b, err
	}
	if bytes.HasPrefix(b, []byte("From ")) {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")), nil
}

// line is one delivery in the list of what was delivered.
type line struct {
	Key string `json:"key"`
	ID  string `json:"id"`
}

// delivered reads what earlier runs delivered.
func (d *demo) delivered() (map[string]string, error) {
	known := make(map[string]string)
	b, err := os.ReadFile(d.path("delivered.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for l := range strings.Lines(string(b)) {
		var v line
		if json.Unmarshal([]byte(l), &v) == nil { // the last line may be torn by a crash
			known[v.Key] = v.ID
		}
	}
	return known, nil
}

// deliver sends what has not been delivered yet through the door. What was
// delivered and not noted, because the demo was killed in between, is recognised
// by the server and not kept twice.
func (d *demo) deliver(ctx context.Context, all []*message) (err error) {
	list := slices.DeleteFunc(slices.Clone(all), func(m *message) bool { return m.id != "" })
	d.sum.Archived = len(all) - len(list)
	if len(list) == 0 {
		d.tell("Everything is there already, %d {message|messages}; nothing is delivered again", len(all))
		return nil
	}
	if d.sum.Archived > 0 {
		d.tell("%d {message is|messages are} there already", d.sum.Archived)
	}
	note, err := os.OpenFile(d.path("delivered.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, note.Sync(), note.Close()) }()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.sum.LMTP)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	c := smtp.NewClient(conn)
	if err := errors.Join(c.Greeting(), c.Hello(smtp.Lhlo, "demo.localhost")); err != nil {
		return err
	}
	bar := d.bar("Delivering", len(list))
	for _, m := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := send(c, m); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(m.path), err)
		}
		if m.id == "" {
			d.sum.Refused++
		} else {
			d.sum.Archived++
			b, err := json.Marshal(line{m.key(), m.id})
			if err != nil {
				return err
			}
			if _, err := note.Write(append(b, '\n')); err != nil {
				return err
			}
		}
		bar.step(m.size)
	}
	bar.end()
	return c.Quit()
}

// chunk is how many octets go in one BDAT.
const chunk = 256 << 10

// send delivers one message and notes its id. A refused one keeps the empty id.
func send(c *smtp.Client, m *message) error {
	b, err := m.read()
	if err != nil {
		return err
	}
	e := smtp.Envelope{Size: int64(len(b)), Body8: true}
	to, err := smtp.ParseAddress(m.to)
	if err != nil {
		return err
	}
	e.Recipients = []smtp.Address{to}
	// A sender that the protocol could not carry is left out: the header has him.
	if s := sender(b); ascii(s) {
		if from, err := smtp.ParseAddress(s); err == nil {
			e.Sender = from
		}
	}
	replies, err := c.SendChunks(e, bytes.NewReader(b), chunk)
	if err != nil {
		return err
	}
	if len(replies) == 1 && replies[0].OK() {
		words := strings.Fields(replies[0].Text)
		m.id = words[len(words)-1]
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// sender is the first address of the From field, or nothing.
func sender(b []byte) string {
	m, err := mime.Read(bytes.NewReader(b[:min(len(b), 64<<10)]), mime.Limits{Text: 1}, nil)
	if err != nil {
		return ""
	}
	if list := header.Addresses(m.Fields, "From"); len(list) > 0 {
		return list[0]
	}
	return ""
}

// bar is a progress bar on a terminal, and lines elsewhere.
type bar struct {
	d       *demo
	what    string
	total   int
	done    int
	octets  int64
	start   time.Time
	printed time.Time
}

func (d *demo) bar(what string, total int) *bar {
	return &bar{d: d, what: what, total: total, start: time.Now()}
}

func (b *bar) step(octets int64) {
	b.done++
	b.octets += octets
	if time.Since(b.printed) > 100*time.Millisecond && terminal(b.d.Out) {
		b.draw("\r")
	}
}

func (b *bar) end() {
	if terminal(b.d.Out) && !b.d.JSON {
		b.draw("\r")
		b.d.plain("")
		return
	}
	b.draw("")
	b.d.plain("")
}

func (b *bar) draw(begin string) {
	if b.d.JSON {
		return
	}
	b.printed = time.Now()
	const width = 30
	full := width * b.done / max(1, b.total)
	took := time.Since(b.start).Seconds()
	_, _ = fmt.Fprintf(b.d.Out, "%s%-12s [%s%s] %d/%d  %.1f MB  %.0f/s ", begin, b.d.Say(b.what), strings.Repeat("#", full),
		strings.Repeat(".", width-full), b.done, b.total, float64(b.octets)/1e6, float64(b.done)/max(took, 0.001))
}

func terminal(w io.Writer) bool {
	f, ok := w.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func join(words []string) string { return strings.Join(words, " ") }
