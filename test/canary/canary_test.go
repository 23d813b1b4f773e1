package canary_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"siegel/test/stand"
)

// word is 24 random letters and digits that no folding of cases changes.
func word() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]&31]
	}
	return string(b)
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// plant makes the canaries of one message.
func plant(size string) map[string]string {
	words := make(map[string]string)
	for _, where := range []string{"subject", "body", "base64 part", "filename", "header address", "envelope sender", "copy address", "word in another language"} {
		words[where+" of the "+size+" message"] = word()
	}
	return words
}

// message has the canaries of a message in it.
func message(w map[string]string, kind string, size int) *stand.Mail {
	of := func(where string) string { return w[where+" of the "+kind+" message"] }
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s <%s@foreign.example>\r\nTo: <%s>\r\nCc: <%s@copy.example>\r\n", of("header address"), of("header address"), stand.Reader, of("copy address"))
	fmt.Fprintf(&b, "Subject: About %s\r\nMessage-ID: <%x@foreign.example>\r\nMIME-Version: 1.0\r\n", of("subject"), noise(8))
	b.WriteString("Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	fmt.Fprintf(&b, "The word is %s, and the other one is Ü%s.\r\n", of("body"), of("word in another language"))
	for line := 0; b.Len() < size; line++ {
		fmt.Fprintf(&b, "Line %d says %s again.\r\n", line, of("body"))
	}
	fmt.Fprintf(&b, "\r\n--cut\r\nContent-Type: text/plain; name=\"%s.txt\"\r\nContent-Disposition: attachment; filename=\"%s.txt\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", of("filename"), of("filename"))
	b.WriteString(base64.StdEncoding.EncodeToString([]byte("In the part stands " + of("base64 part") + ".\n")))
	b.WriteString("\r\n--cut--\r\n")
	return stand.Of(b.Bytes(), of("envelope sender")+"@foreign.example", stand.Reader)
}

// The seeker finds every word in every form in a file that hides nothing: what
// it does not find elsewhere is not there.
func TestSeekerFindsPlain(t *testing.T) {
	words := plant("control")
	seek, err := newSeeker(words)
	if err != nil {
		t.Fatal(err)
	}
	control(t, seek, words)
}

func control(t *testing.T, seek *seeker, words map[string]string) {
	t.Helper()
	b, err := plainFile(words, noise)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	seek.find(b, func(name, form string) { got[name+"/"+form] = true })
	if !got[header+"/raw"] {
		t.Error("a plain SQLite header is not found")
	}
	for name := range words {
		for _, form := range forms() {
			if !got[name+"/"+form] {
				t.Errorf("%s is not found as %s", name, form)
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// CR-05, CR-08, CR-09, AU-04, AU-30: no word of a message, no foreign address, no
// password and no code is anywhere on disk or in a log, while the server works,
// after it was killed in the middle of a message, and when it works again.
func TestNothingPlain(t *testing.T) {
	p := newProgram(t, build(t, t.TempDir()))
	words := plant("small")
	for _, kind := range []string{"large", "imported", "unfinished small", "unfinished large"} {
		for name, w := range plant(kind) {
			words[name] = w
		}
	}
	for _, who := range []string{"keeper", "reader", "admin"} {
		words["password of the "+who] = word()
	}
	for _, where := range slices.Concat(mistaken(), journaled()) {
		words[where] = word()
	}
	p.run("init", "--environment", "test", "--name", "siegel.stand.example")
	p.configure()
	server := p.serve()
	p.found(words)
	seek, err := newSeeker(words)
	if err != nil {
		t.Fatal(err)
	}
	control(t, seek, words)
	h := newHunt(t, seek, p.root, p.data, p.temp, p.logs)

	stop := h.always("while it works", server.Process.Pid)
	small, large := message(words, "small", 2000), message(words, "large", 3<<20)
	deliver(t, p, small, large)
	p.use(words, "small", small)
	p.use(words, "large", large)
	p.mistake(words)
	p.journal(words)
	p.prove(small)
	p.transfer(words)
	stop()

	stop = h.always("with half a message", server.Process.Pid)
	half := []*stand.Client{
		begin(t, p, message(words, "unfinished small", 100<<10)),
		begin(t, p, message(words, "unfinished large", 3<<20)),
	}
	stop()
	h.pass("with half a message", server.Process.Pid)
	p.kill(server)
	h.pass("after the kill", 0)
	for _, c := range half {
		_ = c.Close()
	}

	server = p.serve()
	h.pass("after the start", server.Process.Pid)
	p.use(words, "large", large)
	h.pass("after a search", server.Process.Pid)
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
	h.pass("after the end", 0)
	h.worked()
}

// worked fails where the hunt did not see what it was meant to see.
func (h *hunt) worked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, part := range []string{"control.db", "control.db-wal", "/packs/", "/index/", "siegel.log", "(deleted) tmp"} {
		if part == "(deleted) tmp" && os.Getuid() != 0 {
			h.t.Log("files without a name were not seen: only root sees them")
			continue
		}
		seen := false
		for name := range h.files {
			seen = seen || strings.Contains(name, part)
		}
		if !seen {
			h.t.Errorf("the hunt never saw a file of %s", part)
		}
	}
	h.t.Logf("%d passes over %d files, %d MB", h.passes, len(h.files), h.octets>>20)
}

// found founds the tenant as its people would, and adds their codes and the
// recovery words to what must not be found.
func (p *program) found(words map[string]string) {
	p.t.Helper()
	codes, kit := filepath.Join(p.users, "codes"), filepath.Join(p.users, "recovery.age")
	p.run("tenant", "create", stand.Tenant, "--domain", stand.Domain, "--administrator", "admin@"+stand.Domain,
		"--keeper", stand.Keeper, "--reader", stand.Reader, "--recovery-file", kit, "--codes", codes)
	for _, who := range []string{"keeper", "reader", "admin"} {
		file := p.password(who)
		if err := os.WriteFile(file, []byte("Pw-1-"+words["password of the "+who]+"\n"), 0o644); err != nil {
			p.t.Fatal(err)
		}
		code := filepath.Join(codes, who+"@"+stand.Domain+".code")
		p.run("person", "accept", who+"@"+stand.Domain, "--code-file", code, "--password-file", file)
		b, err := os.ReadFile(code)
		if err != nil {
			p.t.Fatal(err)
		}
		words["code of the "+who] = strings.TrimSpace(string(b))
		words["code of the "+who+" without hyphens"] = strings.ReplaceAll(strings.TrimSpace(string(b)), "-", "")
	}
	b, err := os.ReadFile(kit + ".words")
	if err != nil {
		p.t.Fatal(err)
	}
	words["words of the recovery kit"] = strings.TrimSpace(string(b))
	if b, err = os.ReadFile(kit); err != nil {
		p.t.Fatal(err)
	}
	words["recovery kit"] = string(bytes.ReplaceAll(b[len(b)-64:], []byte("\n"), nil))
}

func (p *program) password(who string) string { return filepath.Join(p.users, who+".password") }

func deliver(t *testing.T, p *program, list ...*stand.Mail) {
	t.Helper()
	c, err := stand.Dial(stand.Socket(p.data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range list {
		if reply, err := c.Send(m); err != nil || !reply.OK() {
			t.Fatalf("%v, %v", reply, err)
		}
	}
}

// begin sends all of a message but its end.
func begin(t *testing.T, p *program, m *stand.Mail) *stand.Client {
	t.Helper()
	c, err := stand.Dial(stand.Socket(p.data))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Begin(m); err != nil {
		t.Fatal(err)
	}
	return c
}

// use finds a message by each word that is in it, as keeper and as reader, and
// opens it, all from processes of their own.
func (p *program) use(words map[string]string, kind string, m *stand.Mail) {
	p.t.Helper()
	for who, wheres := range map[string][]string{
		"keeper": {"subject", "body", "base64 part", "filename", "header address", "copy address"}, "reader": {"subject"},
	} {
		for _, where := range wheres {
			out := p.run("search", words[where+" of the "+kind+" message"], "--json", "--as", who+"@"+stand.Domain, "--password-file", p.password(who))
			var found struct {
				Hits []struct {
					ID string `json:"id"`
				} `json:"hits"`
			}
			if err := json.Unmarshal(out, &found); err != nil {
				p.t.Fatal(err)
			}
			if len(found.Hits) != 1 || found.Hits[0].ID != m.ID.String() {
				p.t.Errorf("%s: a search for the word in the %s of the %s message finds %d messages", who, where, kind, len(found.Hits))
			}
		}
	}
	for who, reason := range map[string]string{"keeper": "canary test", "reader": ""} {
		out := p.run("show", m.ID.String(), "--reason", reason, "--as", who+"@"+stand.Domain, "--password-file", p.password(who))
		if sha256.Sum256(out) != m.SHA256 {
			p.t.Errorf("%s: the %s message comes back different", who, kind)
		}
	}
}

// mistaken are what people type where it does not belong.
func mistaken() []string {
	return []string{"password typed as an address", "address that nobody has", "person that is not there", "id that is none"}
}

// mistake types it: the server refuses, and says so to the user alone.
func (p *program) mistake(words map[string]string) {
	p.t.Helper()
	keeper := []string{"--as", "keeper@" + stand.Domain, "--password-file", p.password("keeper")}
	where := mistaken()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"search", "x", "--as", words[where[0]], "--password-file", p.password("keeper")}, "is wrong"},
		{[]string{"search", "x", "--as", words[where[1]] + "@" + stand.Domain, "--password-file", p.password("keeper")}, "is wrong"},
		{append([]string{"person", "regrant", words[where[2]] + "@" + stand.Domain}, keeper...), words[where[2]] + "@" + stand.Domain},
		{append([]string{"show", words[where[3]]}, keeper...), "32 hexadecimal digits"},
	} {
		if _, err := p.try(c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			p.t.Errorf("siegel %s: %v, want one that says %q", c.args[0], err, c.says)
		}
	}
}

// prove exports a proof, to a place that is not searched.
func (p *program) prove(m *stand.Mail) {
	p.t.Helper()
	_, err := p.try("proof", m.ID.String(), "--wait", "2m", "--reason", "canary test", "--output", filepath.Join(p.users, "proof.zip"),
		"--as", stand.Keeper, "--password-file", p.password("keeper"))
	if err != nil {
		p.t.Error(err)
	}
}

// transfer imports a message and exports it again, both outside of what is searched.
func (p *program) transfer(words map[string]string) {
	p.t.Helper()
	dir := filepath.Join(p.users, "import")
	m := message(words, "imported", 3<<20)
	if err := os.Mkdir(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1.eml"), m.Octets, 0o644); err != nil {
		p.t.Fatal(err)
	}
	keeper := []string{"--as", stand.Keeper, "--password-file", p.password("keeper")}
	out := p.run(append([]string{"import", dir, "--for", words["copy address of the imported message"] + "@" + stand.Domain, "--json"}, keeper...)...)
	if !strings.Contains(string(out), `"accepted":1`) {
		p.t.Errorf("import: %s", out)
	}
	out = p.run(append([]string{
		"export", words["subject of the imported message"], "--to", filepath.Join(p.users, "out"), "--secret-file", filepath.Join(p.users, "secret"),
		"--reason", words["body of the imported message"], "--json",
	}, keeper...)...)
	if !strings.Contains(string(out), `"messages": 1`) && !strings.Contains(string(out), `"messages":1`) {
		p.t.Errorf("export: %s", out)
	}
}
