// Package tied starts servers for tests that end with the process that started
// them, however it ends: a shell waits for the end of a pipe that only we hold,
// then ends the server and removes its folder.
package tied

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Server is what to start.
type Server struct {
	Dir     string              // of the server alone; goes with it, and gets its log
	Command string              // for the shell; $1 is Dir, then come Args
	Signal  string              // that ends it at once, such as QUIT
	Args    []string            // of Command
	Env     []string            // beside ours
	Account *syscall.Credential // nil: ours
}

// Start starts a server. Closing what it returns ends the server before the
// process does.
func Start(s Server) (io.Closer, error) {
	script := s.Command + ` >"$1"/log 2>&1 & cat >/dev/null; kill -` + s.Signal + ` $!; wait; rm -rf "$1"`
	run := exec.Command("/bin/sh", append([]string{"-c", script, "sh", s.Dir}, s.Args...)...) //nolint:noctx // ends with the process
	run.Dir, run.Env = s.Dir, append(os.Environ(), s.Env...)
	run.SysProcAttr = &syscall.SysProcAttr{Credential: s.Account, Setpgid: true}
	hold, err := run.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := run.Start(); err != nil {
		return nil, errors.Join(err, hold.Close(), os.RemoveAll(s.Dir))
	}
	go func() { _ = run.Wait() }()
	return hold, nil
}
