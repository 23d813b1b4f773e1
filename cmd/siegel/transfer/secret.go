package transfer

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"filippo.io/age"
	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/target"
	"siegel/internal/kit/tuple"
	"siegel/internal/proto/aezip"
)

// leastSecret is how long a password from a file must be.
const leastSecret = 26

// protect finds out how the parts are encrypted, before anything is exported.
func (x *outgoing) protect() error {
	switch {
	case x.o.encrypt == "none":
		return nil
	case x.o.recipients != "":
		return x.readRecipients()
	}
	if err := x.findSecret(); err != nil {
		return err
	}
	if x.o.encrypt == "age" {
		r, err := age.NewScryptRecipient(x.secret)
		if err != nil {
			return err
		}
		x.to = []age.Recipient{r}
	}
	return nil
}

func (x *outgoing) readRecipients() error {
	b, err := x.Input("--recipients", x.o.recipients)
	if err != nil {
		return err
	}
	if x.to, err = age.ParseRecipients(bytes.NewReader(b)); err != nil {
		return cli.Usage(x.Say("the file %s has no age recipients", x.o.recipients))
	}
	// What cannot be mixed, such as keys that withstand quantum computers with others
	// that do not, is found out before anything is exported.
	if _, err := age.Encrypt(io.Discard, x.to...); err != nil {
		return cli.Usage(x.Say("the recipients in %s do not go together", x.o.recipients))
	}
	return nil
}

// secretRounds is what one guess at a password costs who has the folder: more than the
// ZIP file asks, since who brings a password may have chosen a weak one.
const secretRounds = 600_000

// secretMark tells a password from others.
func (x *outgoing) secretMark() ([]byte, error) {
	job := x.state.Export
	return pbkdf2.Key(sha256.New, x.secret, tuple.Make("siegel/v1 export secret", job[:]), secretRounds, sha256.Size)
}

// noteSecret notes by what the password of the parts is told from others. One that was
// only shown is not: the next run says itself that it has another.
func (x *outgoing) noteSecret() (err error) {
	switch {
	case x.state.Parts > 0 && (x.o.secretFile == "" || x.state.Secret != nil):
		return nil
	case x.secret == "" || x.o.secretFile == "":
		x.state.Secret = nil
		return nil
	}
	x.state.Secret, err = x.secretMark()
	return err
}

// sameSecret fails where the parts that are whole have another password.
func (x *outgoing) sameSecret() error {
	if x.state.Parts == 0 || x.state.Secret == nil {
		return nil
	}
	mark, err := x.secretMark()
	if err == nil && !bytes.Equal(mark, x.state.Secret) {
		err = x.conflict(x.Say("the parts that are there have another password than %s: name the file with theirs, or begin in another folder", x.o.secretFile))
	}
	return err
}

// findSecret makes the password, or reads the one that an interrupted export has.
func (x *outgoing) findSecret() error {
	file := x.o.secretFile
	if file == "" {
		if !term.IsTerminal(int(x.In.Fd())) {
			return x.NoTerminal("--secret-file")
		}
		x.secret = aezip.Password()
		fmt.Fprintln(x.Err, x.Say("The password of the parts from number %d on. Write it down now, it is not shown again:", x.state.Parts+1))
		fmt.Fprintln(x.Err, "  "+x.secret)
		return nil
	}
	_, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if x.state.Parts > 0 && x.state.Secret != nil {
			return x.conflict(x.Say("the file %s is gone, and the parts that are there have its password: name the file with it, or begin in another folder", file))
		}
		x.secret = aezip.Password()
		err := target.Files{Say: x.Say}.Create(file, []byte(x.secret+"\n"))
		if err == nil {
			x.undo = append(x.undo, func() error { return os.Remove(file) })
		}
		return err
	}
	if x.secret, err = x.Secret("--secret-file", file, ""); err != nil {
		return err
	}
	if len(x.secret) < leastSecret {
		return cli.Usage(x.Say("the password in %s has fewer than %d characters; name a file that is not there, and one is generated", file, leastSecret))
	}
	return x.sameSecret()
}
