package extract

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"

	"siegel/internal/proto/document"
)

// Pdftotext returns a helper that has a program of poppler read PDF: from its standard
// input to its standard output, without an environment. Bounds of memory and of a
// processor's time it inherits from the calling process, which should be confined, and
// has them for itself; after 20 seconds it is killed. It returns nil where there
// is no program at path.
func Pdftotext(path string) document.Helper {
	if _, err := exec.LookPath(path); path == "" || err != nil {
		return nil
	}
	return func(pdf []byte, limit int) (string, error) { return pdftotext(path, pdf, limit) }
}

// Bounds of one run.
const (
	pdfTime = 20 * time.Second
	maxSaid = 4 << 10 // of what it says about the document, in octets
)

func pdftotext(path string, pdf []byte, limit int) (string, error) {
	var words said
	cmd := exec.Command(path, "-enc", "UTF-8", "-nopgbrk", "-", "-") //nolint:noctx // it ends with its time, and with this process
	cmd.Env = []string{}
	cmd.Stderr = &words
	// It goes when this process does; its thread is one that does not end before.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", document.ErrFailed
	}
	late := time.AfterFunc(pdfTime, func() { _ = cmd.Process.Kill() }) // it may have ended by itself
	go func() {
		_, _ = in.Write(pdf) // it may have enough before the end
		_ = in.Close()
	}()
	text, err := io.ReadAll(io.LimitReader(out, int64(limit)+1))
	full := len(text) > limit
	if full {
		_ = cmd.Process.Kill()
	}
	ended := cmd.Wait()
	late.Stop()
	return string(text[:min(len(text), limit)]), judge(err, ended, full, words.b)
}

// judge tells what the end of the program says of the document.
func judge(read, ended error, full bool, said []byte) error {
	exit, exited := errors.AsType[*exec.ExitError](ended)
	switch {
	case full:
		return document.ErrFull
	case read != nil:
		return document.ErrFailed
	case ended == nil:
		return nil
	case exited && !exit.Exited(): // by a signal
		return document.ErrFailed
	case bytes.Contains(said, []byte("Incorrect password")):
		return document.ErrPassword
	case exited && exit.ExitCode() == 3: // its manual: an error related to PDF permissions
		return document.ErrPassword
	default:
		return ended
	}
}

// said keeps the first octets of what is written to it.
type said struct{ b []byte }

func (t *said) Write(p []byte) (int, error) {
	t.b = append(t.b, p[:min(len(p), maxSaid-len(t.b))]...)
	return len(p), nil
}
