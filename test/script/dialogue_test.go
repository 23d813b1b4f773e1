package script_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo terminal: what a person types goes into screen, what the
// program prints comes out of it.
type terminal struct {
	screen, line *os.File
	shown        chan []byte
	all          bytes.Buffer
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{screen: screen, line: line, shown: make(chan []byte)}
	t.Cleanup(func() { _, _ = screen.Close(), line.Close() }) // the process is gone
	go func() {
		for {
			b := make([]byte, 4096)
			n, err := screen.Read(b)
			if err != nil {
				return
			}
			select {
			case term.shown <- b[:n]:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return term
}

// echo reports whether the terminal shows what is typed.
func (term *terminal) echo(t *testing.T) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(term.line.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// until waits for what the program prints.
func (term *terminal) until(t *testing.T, want string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for !strings.Contains(term.all.String(), want) {
		select {
		case b := <-term.shown:
			term.all.Write(b)
		case <-late:
			t.Fatalf("%q does not come: %q", want, term.all.String())
		}
	}
}

// start runs a command at the terminal.
func (term *terminal) start(t *testing.T, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, term.line, term.line, term.line
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// ended waits for the exit status.
func (term *terminal) ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state has the status
		close(done)
	}()
	late := time.After(20 * time.Second)
	for {
		select {
		case b := <-term.shown:
			term.all.Write(b)
		case <-done:
			return cmd.ProcessState.ExitCode()
		case <-late:
			t.Fatal("the program hangs")
		}
	}
}

// A signal ends a dialogue at once, and the terminal shows again what is typed.
func TestSignalsEndDialogues(t *testing.T) {
	siegel := filepath.Join(programs(t), "siegel")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), siegel, "init", "--data", filepath.Join(dir, "data"), "--name", "a.example", "--environment", "test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := []string{"tenant", "create", "firm", "--data", "data", "--domain", "f.example", "--administrator", "a@f.example", "--keeper", "k@f.example"}
	for _, c := range []struct {
		name, prompt string
		args         []string
		echo         bool
	}{
		{"password", "Password of k@f.example: ", []string{"person", "list", "--data", "data", "--as", "k@f.example"}, false},
		{"word", "Type word ", found, true},
	} {
		for _, signal := range []string{"Ctrl-C", "SIGTERM", "SIGHUP"} {
			t.Run(c.name+" "+signal, func(t *testing.T) {
				term := newTerminal(t)
				cmd := term.start(t, dir, siegel, c.args...)
				term.until(t, c.prompt)
				for i := 0; term.echo(t) != c.echo && i < 100; i++ {
					time.Sleep(10 * time.Millisecond) // the prompt comes before the echo goes
				}
				if term.echo(t) != c.echo {
					t.Fatalf("echo %v, want %v", !c.echo, c.echo)
				}
				if number := unix.SignalNum(signal); number != 0 {
					if err := cmd.Process.Signal(number); err != nil {
						t.Fatal(err)
					}
				} else if _, err := term.screen.WriteString("\x03"); err != nil {
					t.Fatal(err)
				}
				if got := term.ended(t, cmd); got != 130 {
					t.Errorf("exit status %d, want 130: %q", got, term.all.String())
				}
				if !term.echo(t) {
					t.Error("the terminal does not show what is typed")
				}
				if s := term.all.String(); strings.Contains(s, "goroutine") {
					t.Error(s)
				}
				left, err := filepath.Glob(filepath.Join(dir, "*recovery*.age*"))
				if err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, error %v", left, err)
				}
			})
		}
	}
}

// A word may be typed three times; then the kit goes, too.
func TestWordsTypedWrong(t *testing.T) {
	siegel := filepath.Join(programs(t), "siegel")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), siegel, "init", "--data", filepath.Join(dir, "data"), "--name", "a.example", "--environment", "test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	term := newTerminal(t)
	cmd := term.start(t, dir, siegel, "tenant", "create", "firm", "--data", "data", "--domain", "f.example", "--administrator", "a@f.example", "--keeper", "k@f.example")
	term.until(t, "Type word ")
	for range 3 {
		if _, err := term.screen.WriteString("wrong\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got := term.ended(t, cmd); got != 2 {
		t.Errorf("exit status %d, want 2: %q", got, term.all.String())
	}
	term.until(t, "nothing was founded")
	if n := strings.Count(term.all.String(), "another word"); n != 3 {
		t.Errorf("%d complaints: %q", n, term.all.String())
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*recovery*.age*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// A demo that is interrupted before its last step has not held what it shows.
func TestDemoInterrupted(t *testing.T) {
	siegel := filepath.Join(programs(t), "siegel")
	dir := t.TempDir()
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := os.WriteFile(filepath.Join(mail, fmt.Sprintf("%d.eml", i)), fmt.Appendf(nil, "From: a@b.example\nSubject: number %d\n\nx\n", i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	term := newTerminal(t)
	cmd := term.start(t, dir, siegel, "demo", "--data", "demo", "--messages", mail, "--once")
	term.until(t, "Delivering")
	if _, err := term.screen.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if got := term.ended(t, cmd); got != 130 {
		t.Errorf("exit status %d, want 130: %q", got, term.all.String())
	}
}

// A new password that is not good enough, or typed otherwise the second time, is asked
// for again, and the code is not (EX-19).
func TestPasswordAskedAgain(t *testing.T) {
	siegel := filepath.Join(programs(t), "siegel")
	dir := t.TempDir()
	for _, args := range [][]string{
		{"init", "--data", "data", "--name", "a.example", "--environment", "test"},
		{"tenant", "create", "firm", "--data", "data", "--domain", "f.example", "--administrator", "a@f.example", "--keeper", "k@f.example", "--recovery-file", "kit", "--codes", "codes"},
	} {
		cmd := exec.CommandContext(t.Context(), siegel, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	term := newTerminal(t)
	cmd := term.start(t, dir, siegel, "person", "accept", "a@f.example", "--data", "data", "--code-file", "codes/a@f.example.code")
	for _, step := range []struct{ prompt, typed string }{
		{"New password: ", "short"},
		{"at least 10 characters", ""},
		{"New password: ", "Abcdef-12345"},
		{"Once more: ", "Abcdef-54321"},
		{"The two passwords differ.", ""},
		{"New password: ", "Abcdef-12345"},
		{"Once more: ", "Abcdef-12345"},
		{"Your password is set.", ""},
	} {
		term.until(t, step.prompt)
		shown := term.all.String()
		term.all.Reset()
		term.all.WriteString(shown[strings.Index(shown, step.prompt)+len(step.prompt):])
		if step.typed == "" {
			continue
		}
		for i := 0; term.echo(t) && i < 100; i++ {
			time.Sleep(10 * time.Millisecond) // the prompt comes before the echo goes
		}
		if _, err := term.screen.WriteString(step.typed + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got := term.ended(t, cmd); got != 0 {
		t.Errorf("exit status %d: %q", got, term.all.String())
	}
}

// Under another account every command says so, and whose files they are.
func TestAnotherAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another account")
	}
	bin := programs(t)
	dir := t.TempDir()
	for _, path := range []string{bin, dir} { // the other account has to come as far
		for _, d := range []string{path, filepath.Dir(path)} {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	siegel := filepath.Join(bin, "siegel")
	run := func(uid uint32, lang string, args ...string) (int, string) {
		cmd := exec.CommandContext(t.Context(), siegel, args...)
		cmd.Dir = dir
		cmd.Env = []string{"LC_ALL=" + lang, "HOME=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if status, out := run(0, "C", "init", "--data", "data", "--name", "a.example", "--environment", "test"); status != 0 {
		t.Fatal(out)
	}
	for _, args := range [][]string{
		{"doctor", "--data", "data"},
		{"tenant", "list", "--data", "data"},
		{"config", "check", "--data", "data"},
		{"serve", "--data", "data"},
		{"init", "--data", "data", "--name", "a.example", "--environment", "test"},
		{"init", "--data", "data/new", "--name", "a.example", "--environment", "test"},
		{"init", "--data", "new", "--name", "a.example", "--environment", "test"},
	} {
		for lang, want := range map[string]string{"C": "belong to another account", "de_DE.UTF-8": "gehören einem anderen Konto"} {
			status, out := run(65534, lang, args...)
			if status != 4 || !strings.Contains(out, want) || strings.Contains(out, "permission denied") {
				t.Errorf("%v: status %d, want 4 with %q: %s", args, status, want, out)
			}
		}
	}
}

// A code that is none is refused before a password is asked for, and the rules of
// passwords are said before one is typed.
func TestAcceptAtTerminal(t *testing.T) {
	siegel := filepath.Join(programs(t), "siegel")
	for code, want := range map[string]struct {
		status int
		shown  string
	}{
		"nonsense": {2, "this is not a code"},
		"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH": {130, "an upper-case letter, a lower-case letter, a digit and a special character.\r\nNew password: "},
	} {
		term := newTerminal(t)
		cmd := term.start(t, t.TempDir(), siegel, "person", "accept", "anna@f.example", "--data", "data")
		term.until(t, "Code: ")
		for i := 0; term.echo(t) && i < 100; i++ {
			time.Sleep(10 * time.Millisecond) // the prompt comes before the echo goes
		}
		if _, err := term.screen.WriteString(code + "\n"); err != nil {
			t.Fatal(err)
		}
		term.until(t, want.shown)
		if want.status == 130 {
			for i := 0; term.echo(t) && i < 100; i++ {
				time.Sleep(10 * time.Millisecond)
			}
			if _, err := term.screen.WriteString("\x03"); err != nil {
				t.Fatal(err)
			}
		}
		if got := term.ended(t, cmd); got != want.status || want.status == 2 && strings.Contains(term.all.String(), "New password") {
			t.Errorf("%s: exit status %d, want %d: %q", code, got, want.status, term.all.String())
		}
	}
}
