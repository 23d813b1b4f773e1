package receive_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDialogue talks every file of testdata/dialogue on TCP and on a Unix
// socket. (EV-10)
//
//	C: a line, sent with CRLF      R: octets in Go quotes, sent as they are
//	S: a line of the server; a * at its end stands for anything
//	T: handshake, with a client certificate where it says so
//	N: what is counted as refused, in all: tenant, source, reason, …
//	E: the server closes           K: tenant, sender, recipients, message in Go quotes:
//	                                  the next passage that came to the path, in any order
//
// Empty lines and lines that begin with # are for people.
func TestDialogue(t *testing.T) {
	t.Parallel()
	for name, script := range dialogues(t, "testdata/dialogue") {
		t.Run("tcp/"+name, func(t *testing.T) {
			t.Parallel()
			h, address := onTCP(t, small())
			talk(t, h, dial(t, "tcp", address), script)
		})
		t.Run("unix/"+name, func(t *testing.T) {
			t.Parallel()
			h, path := onUnix(t, small())
			talk(t, h, dial(t, "unix", path), script)
		})
	}
}

// dialogues returns the scripts in a folder by name.
func dialogues(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	scripts := make(map[string]string)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts[strings.TrimSuffix(filepath.Base(file), ".txt")] = string(b)
	}
	return scripts
}

func talk(t *testing.T, h *house, p *peer, script string) {
	t.Helper()
	seen := make(map[string]int) // passages that a K line has named
	for i, line := range strings.Split(script, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, text, _ := strings.Cut(line, " ")
		switch what {
		case "C:":
			p.send(text + "\r\n")
		case "R:":
			raw, err := strconv.Unquote(text)
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			p.send(raw)
		case "S:":
			got := p.line()
			prefix, open := strings.CutSuffix(text, "*")
			if got != text && !(open && strings.HasPrefix(got, prefix)) {
				t.Fatalf("line %d: got %q, want %q", i+1, got, text)
			}
		case "E:":
			if got := p.line(); got != "" {
				t.Fatalf("line %d: got %q, want the end", i+1, got)
			}
		case "T:":
			config := h.client.Clone()
			if text == "" {
				config.Certificates = nil
			}
			p = newPeer(t, tls.Client(p.Conn, config))
		case "N:":
			if got := h.count.all(); got != text {
				t.Fatalf("line %d: got %q, want %q", i+1, got, text)
			}
		case "K:":
			seen[text]++
			n := 0
			for _, k := range h.way.all() {
				from := k.Envelope.From
				if from == "" {
					from = "<>"
				}
				if text == string(k.Tenant[0])+" "+from+" "+strings.Join(k.Envelope.To, ",")+" "+strconv.Quote(k.octets) {
					n++
				}
			}
			if n != seen[text] {
				t.Fatalf("line %d: %d of %s in %+v", i+1, n, text, h.way.all())
			}
		default:
			t.Fatalf("line %d: %q", i+1, line)
		}
	}
	total := 0
	for _, n := range seen {
		total += n
	}
	if got := h.way.all(); len(got) != total {
		t.Errorf("%d passages, %d in the script: %+v", len(got), total, got)
	}
}
