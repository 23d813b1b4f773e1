package journal

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"siegel/internal/proto/mime/transfer"
)

// ErrIrregular means that a message is encoded in a way that cannot be written
// again octet by octet from what would be kept.
var ErrIrregular = errors.New("journal: an encoding that cannot be written again")

// NewReader returns a reader of the decoded message.
func NewReader(e transfer.Encoding, r io.Reader) io.Reader {
	d := transfer.NewDecoder(e)
	if d == nil {
		return r
	}
	return &reader{r: r, d: d, in: make([]byte, 32<<10)}
}

type reader struct {
	r    io.Reader
	d    transfer.Decoder
	in   []byte
	out  []byte // decoded and not yet read
	held []byte // the whole of out's memory
	err  error
}

func (r *reader) Read(b []byte) (int, error) {
	for len(r.out) == 0 && r.err == nil {
		n, err := r.r.Read(r.in)
		r.held = r.d.Decode(r.held[:0], r.in[:n])
		if r.err = err; errors.Is(err, io.EOF) {
			r.held = r.d.End(r.held)
		}
		r.out = r.held
	}
	if len(r.out) == 0 {
		return 0, r.err
	}
	n := copy(b, r.out)
	r.out = r.out[n:]
	return n, nil
}

// Describe reads an encoded message and says how it is encoded, so that [Rebuild]
// can write it again. What it says has limit octets at most: more, and what it cannot
// say, is ErrIrregular. Whether the description is right shows when it is rebuilt.
func Describe(e transfer.Encoding, r io.Reader, limit int) (string, error) {
	switch e {
	case transfer.Base64:
		return describeBase64(bufio.NewReader(r))
	case transfer.QuotedPrintable:
		return describeQP(bufio.NewReaderSize(r, 64<<10), limit)
	case transfer.Identity:
		return "", nil
	default:
		return "", ErrIrregular
	}
}

// maxLine bounds the lines of base64.
const maxLine = 1 << 20

// describeBase64 takes the first line for all of them.
func describeBase64(br *bufio.Reader) (string, error) {
	n, lineEnd, last := 0, "crlf", byte(0)
	for first := true; ; {
		b, err := br.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		switch {
		case first && b == '\n':
			first = false
			if last != '\r' {
				lineEnd = "lf"
			}
		case first && b != '\r':
			if n++; n > maxLine {
				return "", ErrIrregular
			}
		}
		last = b
	}
	if n == 0 {
		return "", ErrIrregular
	}
	words := []string{"base64", strconv.Itoa(n), lineEnd}
	if last == '\n' {
		words = append(words, "end")
	}
	return strings.Join(words, " "), nil
}

// The steps of a description of quoted-printable.
const (
	stepUpper    = 'E' // an octet as =XX
	stepLower    = 'e' // an octet as =xx
	stepSoft     = 'S' // = CRLF
	stepSoftBare = 's' // = LF
)

func describeQP(br *bufio.Reader, limit int) (string, error) {
	out := []byte("qp\n")
	plain := uint64(0)
	for {
		b, err := br.ReadByte()
		if errors.Is(err, io.EOF) {
			return string(out), nil
		}
		if err != nil {
			return "", err
		}
		if b != '=' {
			plain++
			continue
		}
		next, err := br.Peek(2)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		step, n := qpStep(next)
		if step == 0 {
			return "", ErrIrregular
		}
		out = append(binary.AppendUvarint(out, plain), step)
		if plain = 0; len(out) > limit {
			return "", ErrIrregular
		}
		_, _ = br.Discard(n) // they were peeked at
	}
}

// qpStep says what follows an equals sign, and how many octets that is.
func qpStep(next []byte) (step byte, n int) {
	switch {
	case len(next) > 0 && next[0] == '\n':
		return stepSoftBare, 1
	case len(next) < 2:
		return 0, 0
	case next[0] == '\r' && next[1] == '\n':
		return stepSoft, 2
	case only(next, "0123456789ABCDEF"):
		return stepUpper, 2
	case only(next, "0123456789abcdef"):
		return stepLower, 2
	default:
		return 0, 0
	}
}

func only(b []byte, set string) bool {
	return strings.IndexByte(set, b[0]) >= 0 && strings.IndexByte(set, b[1]) >= 0
}

// Rebuild writes an encoded message again, from its octets and what [Describe] said.
// It fails with ErrIrregular where the description is none.
func Rebuild(w io.Writer, message io.Reader, encoding string) error {
	kind, rest, steps := strings.Cut(encoding, "\n")
	words := strings.Split(kind, " ")
	switch {
	case encoding == "":
		_, err := io.Copy(w, message)
		return err
	case words[0] == "base64" && (len(words) == 3 || len(words) == 4 && words[3] == "end") && !steps:
		n, err := strconv.Atoi(words[1])
		if err != nil || n < 1 || n > maxLine || (words[2] != "crlf" && words[2] != "lf") {
			return ErrIrregular
		}
		end := "\r\n"
		if words[2] == "lf" {
			end = "\n"
		}
		return rebuildBase64(w, message, n, end, len(words) == 4)
	case kind == "qp" && steps:
		return rebuildQP(w, message, []byte(rest))
	default:
		return ErrIrregular
	}
}

// folder breaks what is written into lines.
type folder struct {
	w      *bufio.Writer
	length int
	end    string
	at     int // octets of the line
}

func (f *folder) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if f.at == f.length {
			if _, err := f.w.WriteString(f.end); err != nil {
				return n, err
			}
			f.at = 0
		}
		k := min(len(b), f.length-f.at)
		if _, err := f.w.Write(b[:k]); err != nil {
			return n, err
		}
		n, f.at, b = n+k, f.at+k, b[k:]
	}
	return n, nil
}

func rebuildBase64(w io.Writer, message io.Reader, length int, end string, last bool) error {
	bw := bufio.NewWriter(w)
	enc := base64.NewEncoder(base64.StdEncoding, &folder{w: bw, length: length, end: end})
	if _, err := io.Copy(enc, message); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	if last {
		if _, err := bw.WriteString(end); err != nil {
			return err
		}
	}
	return bw.Flush()
}

func rebuildQP(w io.Writer, message io.Reader, steps []byte) error {
	bw, br := bufio.NewWriter(w), bufio.NewReader(message)
	for in := bytes.NewReader(steps); in.Len() > 0; {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > 1<<40 {
			return ErrIrregular
		}
		step, err := in.ReadByte()
		if err != nil {
			return ErrIrregular
		}
		if _, err := io.CopyN(bw, br, int64(n)); err != nil {
			return short(err)
		}
		if err := rebuildStep(bw, br, step); err != nil {
			return err
		}
	}
	if _, err := io.Copy(bw, br); err != nil {
		return err
	}
	return bw.Flush()
}

func rebuildStep(bw *bufio.Writer, br *bufio.Reader, step byte) error {
	format := "=%02X"
	switch step {
	case stepSoft:
		_, err := bw.WriteString("=\r\n")
		return err
	case stepSoftBare:
		_, err := bw.WriteString("=\n")
		return err
	case stepLower:
		format = "=%02x"
	case stepUpper:
	default:
		return ErrIrregular
	}
	b, err := br.ReadByte()
	if err != nil {
		return short(err)
	}
	_, err = fmt.Fprintf(bw, format, b)
	return err
}

// short makes a description that speaks of more octets than there are ErrIrregular.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrIrregular
	}
	return err
}
