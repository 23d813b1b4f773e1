package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/target"
	"siegel/internal/front/console"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// files writes files in the user's language.
func (c commands) files() target.Files { return target.Files{Say: c.Say} }

// codeFile is where the code of a person is written to.
func codeFile(dir, email string) string {
	return filepath.Join(dir, strings.ReplaceAll(email, "/", "_")+".code")
}

// checkCodes fails where the codes of some people could not be written to a
// folder. It is asked before anything is done that makes the codes.
func (c commands) checkCodes(dir string, emails ...string) error {
	if dir == "" {
		return nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return c.files().Absent(dir)
	}
	for _, email := range emails {
		if err := c.files().Absent(codeFile(dir, email), codeFile(dir, mail.NewAddress(email).String())); err != nil {
			return err
		}
	}
	return nil
}

func (c commands) writeCodes(dir string, list []invitation) error {
	made := durable.Mkdir(dir, 0o700)
	for i, inv := range list {
		err := made
		if err == nil {
			err = c.files().Create(codeFile(dir, inv.Email.String()), []byte(inv.Code+"\n"))
		}
		if err != nil {
			for _, lost := range list[i:] { // there is no second copy of a code
				fmt.Fprintf(c.Err, "%s  %s\n", lost.Email.Readable(), lost.Code)
			}
			return err
		}
	}
	return nil
}

// refused reports whether the server answered that it did not do what it was
// asked for. Another error may have come after it was done.
func refused(err error) bool {
	e, ok := errors.AsType[*console.Error](err)
	return ok && e.Kind != fault.Internal.String()
}

// checkFounding looks for what is in the way of a founding: files, or nobody to
// type the words of the kit back.
func (c commands) checkFounding(f founding, kitFile string) error {
	if f.recoveryFile == "" && !term.IsTerminal(int(c.In.Fd())) {
		return c.NoTerminal("--recovery-file")
	}
	files := []string{kitFile}
	if f.recoveryFile != "" {
		files = append(files, kitFile+".words")
	}
	if err := c.files().Absent(files...); err != nil {
		if e, ok := errors.AsType[*console.Error](err); ok && e.Kind == "conflict" {
			e.Text += "\n" + c.Say("It may be half of the recovery kit of a tenant that is founded: siegel tenant list shows the tenants. If it could be, keep it and name another file with --recovery-file; only the kit of a founding that failed is worth nothing.")
		}
		return err
	}
	var emails []string
	for _, list := range [][]string{f.Administrators, f.Keepers, f.Auditors, f.Readers} {
		emails = append(emails, list...)
	}
	return c.checkCodes(f.codesDir, emails...)
}

// writeKit writes the kit for a script and answers for it. It returns the files
// that it wrote, also where it fails.
func (c commands) writeKit(file string, k kit) (words, written []string, err error) {
	if err := c.files().Create(file, k.File); err != nil {
		return nil, nil, err
	}
	if err := c.files().Create(file+".words", []byte(strings.Join(k.Words, " ")+"\n")); err != nil {
		return nil, []string{file}, err
	}
	for _, at := range k.Ask {
		words = append(words, k.Words[at-1])
	}
	return words, []string{file, file + ".words"}, nil
}

// showKit shows the kit once and has two words typed back. It returns the files
// that it wrote, also where it fails.
func (c commands) showKit(k kit, file string) (words, written []string, err error) {
	if err := c.files().Create(file, k.File); err != nil {
		return nil, nil, err
	}
	written = []string{file}
	fmt.Fprintln(c.Err, c.Say("The recovery kit is the last way to the archive. The file %s is one half; print it or keep it in a safe.", file))
	fmt.Fprintln(c.Err, c.Say("The words are the other half. Write them down now, apart from the file; they are not shown again:"))
	for i, w := range k.Words {
		fmt.Fprintf(c.Err, "  %2d %s\n", i+1, w)
	}
	for _, at := range k.Ask {
		if err := c.askWord(at, k.Words[at-1]); err != nil {
			return nil, written, err
		}
		words = append(words, k.Words[at-1])
	}
	return words, written, nil
}

// wordTries is how often a word of the kit may be typed.
const wordTries = 3

// askWord has a word of the kit typed back.
func (c commands) askWord(at int, want string) error {
	for range wordTries {
		w, err := c.Ask(c.Say("Type word %d: ", at))
		if err != nil {
			return err
		}
		if strings.EqualFold(w, want) {
			return nil
		}
		fmt.Fprintln(c.Err, c.Say("That is another word; look at what you wrote down."))
	}
	return cli.Usage(c.Say("word %d was not typed back; nothing was founded", at))
}

func removeAll(files []string) error {
	var errs []error
	for _, file := range files {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}
