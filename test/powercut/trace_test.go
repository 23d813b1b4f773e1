package powercut_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// call is one system call of a recorded process.
type call struct {
	name string
	args []string // as strace prints them; strings stay in quotes, in hex
	ret  int64

	octets map[int][]byte // string arguments that were asked for; their args are empty then
}

// event is what happened at one line of the trace: a call began, ended, or did
// both at once.
type event struct {
	*call
	entry, exit bool
}

// traced are the calls that the model knows, or that it must not meet.
const traced = "openat,open,creat,close,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,lseek,fsync,fdatasync,sync_file_range,syncfs,sync," +
	"rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat,ftruncate,truncate,fallocate," +
	"chmod,fchmod,fchmodat,?fchmodat2,copy_file_range,sendfile,splice,sendto,sendmsg,mmap,io_uring_setup"

// readTrace reads what strace wrote.
func readTrace(path string) (list []event, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := bufio.NewReaderSize(f, 1<<20)
	open := make(map[string]*unfinished) // by process
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		e, err := readLine(string(bytes.TrimRight(b, "\n")), open)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %.200s", n, err, b)
		}
		if e.call != nil {
			list = append(list, e)
		}
	}
}

// unfinished is a call that has begun.
type unfinished struct {
	text string
	call *call
}

func readLine(line string, open map[string]*unfinished) (event, error) {
	pid, text, ok := strings.Cut(line, " ")
	text = strings.TrimLeft(text, " ")
	switch {
	case !ok:
		return event{}, errors.New("no process")
	case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"):
		return event{}, nil
	case strings.HasSuffix(text, "<unfinished ...>"):
		u := &unfinished{text: strings.TrimSuffix(text, "<unfinished ...>"), call: new(call)}
		open[pid] = u
		name, args, ok := strings.Cut(u.text, "(")
		if !ok {
			return event{}, errors.New("no call")
		}
		u.call.name, u.call.args = name, split(args)
		return event{call: u.call, entry: true}, nil
	case strings.HasPrefix(text, "<... "):
		u := open[pid]
		_, rest, ok := strings.Cut(text, " resumed>")
		if !ok || u == nil {
			return event{}, errors.New("nothing was unfinished")
		}
		delete(open, pid)
		return event{call: u.call, exit: true}, u.call.read(strings.TrimRight(u.text, " ") + rest)
	}
	c := new(call)
	return event{call: c, entry: true, exit: true}, c.read(text)
}

// read reads a whole call.
func (c *call) read(text string) error {
	at := strings.LastIndex(text, "= ")
	name, _, ok := strings.Cut(text, "(")
	if !ok || at < 0 {
		return errors.New("no result")
	}
	end := strings.LastIndexByte(text[:at], ')')
	if end < 0 {
		return errors.New("no end")
	}
	c.name, c.args = name, split(text[len(name)+1:end])
	word, _, _ := strings.Cut(text[at+2:], " ")
	if word == "?" { // the process ended within
		c.ret = -1
		return nil
	}
	// Addresses of mmap do not fit into 63 bits on every machine; nobody asks for them.
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "-"), 0, 64)
	c.ret = int64(n)
	if strings.HasPrefix(word, "-") {
		c.ret = -1
	}
	return err
}

// split cuts arguments at commas that stand in no brackets and no quotes.
func split(s string) (args []string) {
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted // quotes inside are in hex
		case '[', '{':
			if !quoted {
				depth++
			}
		case ']', '}':
			if !quoted {
				depth--
			}
		case ',':
			if !quoted && depth == 0 {
				args = append(args, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(args, strings.TrimSpace(s[from:]))
}

// text returns a string argument.
func (c *call) text(i int) ([]byte, error) {
	if b, ok := c.octets[i]; ok {
		return b, nil
	}
	s := c.args[i]
	inner, ok := strings.CutPrefix(s, `"`)
	inner, end := strings.CutSuffix(inner, `"`)
	if !ok || !end {
		return nil, fmt.Errorf("argument %d of %s is no whole string: %.60s", i, c.name, s)
	}
	out := make([]byte, 0, len(inner)/4)
	for i := 0; i < len(inner); i += 4 {
		if i+4 > len(inner) || inner[i] != '\\' || inner[i+1] != 'x' {
			return nil, fmt.Errorf("a string of %s is not in hex: %.60s", c.name, inner[i:])
		}
		out = append(out, nibble(inner[i+2])<<4|nibble(inner[i+3]))
	}
	if c.octets == nil {
		c.octets = make(map[int][]byte)
	}
	c.octets[i], c.args[i] = out, ""
	return out, nil
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// number returns a numeric argument.
func (c *call) number(i int) (int64, error) {
	if i >= len(c.args) {
		return 0, fmt.Errorf("%s has no argument %d", c.name, i)
	}
	n, err := strconv.ParseInt(c.args[i], 0, 64)
	if err != nil {
		return 0, fmt.Errorf("argument %d of %s: %w", i, c.name, err)
	}
	return n, nil
}
