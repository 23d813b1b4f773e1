package app

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"siegel/internal/app/config"
	"siegel/internal/app/place"
	"siegel/internal/app/testparts"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/seal/master"
)

// Instance is what init fixed.
type Instance struct {
	Format      int                `json:"format"`
	Name        string             `json:"name"` // origins of logs begin with it
	Environment config.Environment `json:"environment"`
	Created     time.Time          `json:"created"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// InitOptions is what `siegel init` decides.
type InitOptions struct {
	Dir         string
	Name        string // like a host name: archive.example.org
	Environment config.Environment
	Now         func() time.Time
	Demo        bool // the directory is the demo's own, see [Demo]
}

// Init makes a data directory: instance, master key, ledger key, configuration
// with every default, and in a test environment certificates and a timestamp
// authority that prove nothing. The directory must be missing or empty.
func Init(o InitOptions) (err error) {
	defer fault.Wrap(&err, "init")
	defer another(&err)
	if o.Environment != config.Test && o.Environment != config.Production {
		return fault.New(fault.Invalid, "choose the environment: test or production")
	}
	if !nameForm.MatchString(o.Name) {
		return fault.New(fault.Invalid, "the instance needs a name like a host name: lower-case letters, digits, dots, hyphens, at most 63")
	}
	if err := makeEmpty(o.Dir); err != nil {
		return err
	}
	for _, dir := range []string{place.DirObjects, place.DirIndex, place.DirTemp} {
		if err := durable.Mkdir(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := master.Create(filepath.Join(o.Dir, place.FileMaster)); err != nil {
		return err
	}
	if err := createLedgerKey(o.Dir, o.Name); err != nil {
		return err
	}
	if err := durable.CreateFile(filepath.Join(o.Dir, place.FileConfig), []byte(config.Default), 0o600); err != nil {
		return err
	}
	if o.Environment == config.Test {
		if err := testparts.Create(o.Dir, o.Now()); err != nil {
			return err
		}
	}
	if o.Demo {
		if err := durable.CreateFile(filepath.Join(o.Dir, place.FileDemo), nil, 0o400); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(Instance{Format: 1, Name: o.Name, Environment: o.Environment, Created: o.Now().UTC().Truncate(time.Second)}, "", "  ")
	if err != nil {
		return err
	}
	// The instance file comes last: with it the directory is whole.
	return durable.CreateFile(filepath.Join(o.Dir, place.FileInstance), append(b, '\n'), 0o400)
}

func makeEmpty(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := place.Refuse(dir, false); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// ReadInstance reads what init fixed.
func ReadInstance(dir string) (i Instance, err error) {
	defer another(&err)
	b, err := os.ReadFile(filepath.Join(dir, place.FileInstance))
	if errors.Is(err, os.ErrNotExist) {
		return i, place.Refuse(dir, true)
	}
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(b, &i); err != nil {
		return i, fault.Because(fault.Damaged, "the file instance.json is damaged", err)
	}
	if i.Format != 1 {
		return i, fault.Newf(fault.Invalid, "this data directory has format %d, this program knows 1; take a newer program", i.Format)
	}
	return i, nil
}

// another makes *err say that files are those of another account, where it says
// that they may not be used and no room has a better word for it.
func another(err *error) {
	if _, said := errors.AsType[*fault.Error](*err); !said && errors.Is(*err, os.ErrPermission) {
		*err = fault.Because(fault.Denied, "the files of the data directory belong to another account, or you may not write where it lies; give the command as that account, or name another directory with --data", *err)
	}
}

// hold is a data directory that this process has.
type hold struct{ file *os.File }

// Close gives the data directory back, and says so to the kernel: a child that another
// goroutine starts just now has the file open too, until it is another program.
func (h hold) Close() error {
	return errors.Join(unix.Flock(int(h.file.Fd()), unix.LOCK_UN), h.file.Close())
}

// lock takes the data directory for this process.
func lock(dir string) (_ hold, err error) {
	defer another(&err)
	f, err := os.OpenFile(filepath.Join(dir, place.FileLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return hold{}, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		busy := fault.Because(fault.Busy, "another siegel command uses this data directory; it ends by itself, or asks for something", err)
		if serving(dir) {
			busy = fault.Because(fault.Busy, "the server of this data directory runs already", err)
		}
		return hold{}, errors.Join(busy, f.Close())
	}
	return hold{f}, nil
}

// serving reports whether a server takes commands for a data directory.
func serving(dir string) bool {
	conn, err := net.Dial("unix", ConsoleSocket(dir))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// ConsoleSocket is where a running server of a data directory takes commands.
func ConsoleSocket(dir string) string { return filepath.Join(dir, place.FileConsole) }

// ConfigFile is the configuration of a data directory, or the one that was
// named.
func ConfigFile(dir, named string) string {
	if named != "" {
		return named
	}
	return filepath.Join(dir, place.FileConfig)
}

// LedgerKeyFile is the public key that bundles are verified against.
func LedgerKeyFile(dir string) string { return filepath.Join(dir, place.FileLedgerPub) }
