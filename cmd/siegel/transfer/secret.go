package transfer

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"
	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/target"
)

// secretOctets is how many random octets a password is made of: more than 128 bits, so
// that the few rounds of a ZIP file do not matter.
const secretOctets = 20

// newSecret makes a password of 32 characters in groups of four.
func newSecret() string {
	b := make([]byte, secretOctets)
	_, _ = rand.Read(b) // never fails
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	var groups []string
	for len(s) > 0 {
		groups = append(groups, s[:4])
		s = s[4:]
	}
	return strings.Join(groups, "-")
}

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

// findSecret makes the password, or reads the one that an interrupted export has.
func (x *outgoing) findSecret() error {
	file := x.o.secretFile
	if file == "" {
		if !term.IsTerminal(int(x.In.Fd())) {
			return x.NoTerminal("--secret-file")
		}
		x.secret = newSecret()
		fmt.Fprintln(x.Err, x.Say("The password of the parts from number %d on. Write it down now, it is not shown again:", x.state.Parts+1))
		fmt.Fprintln(x.Err, "  "+x.secret)
		return nil
	}
	_, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		x.secret = newSecret()
		return target.Files{Say: x.Say}.Create(file, []byte(x.secret+"\n"))
	}
	if x.secret, err = x.Secret("--secret-file", file, ""); err != nil {
		return err
	}
	if len(x.secret) < leastSecret {
		return cli.Usage(x.Say("the password in %s has fewer than %d characters; name a file that is not there, and one is generated", file, leastSecret))
	}
	return nil
}
