// Package place knows what lies in a data directory, and tells one from what else a
// directory may hold.
package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"siegel/internal/app/config"
	"siegel/internal/app/kept"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
)

// Files of a data directory; docs/operations.md says what the loss of each
// means.
const (
	FileInstance  = "instance.json"
	FileMaster    = "master.key"
	FileConfig    = "siegel.yaml"
	FileControl   = kept.FileControl
	FileLock      = "lock"
	FileConsole   = "console.sock"
	FileLedgerKey = "ledger.key"
	FileLedgerPub = "ledger.pub"
	FileLedgerPEM = "ledger.pem"
	DirObjects    = kept.DirObjects
	DirIndex      = "index"
	DirTemp       = "tmp"
	FileDemo      = "demo.mark" // the demo made the directory for itself
)

// contents says what lies in a directory that is to be, or should be, a data
// directory.
type contents int

const (
	nothing     contents = iota // it is missing or empty
	whole                       // a data directory
	headless                    // an archive whose instance.json is missing
	interrupted                 // init began here and did not end: nothing was archived
	foreign                     // files of somebody else
)

// look tells what lies in a directory. It changes nothing.
func look(dir string) (contents, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nothing, nil
	}
	if err != nil {
		return nothing, err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	packs, err := kept.Holds(filepath.Join(dir, DirObjects))
	switch {
	case err != nil:
		return nothing, err
	case has(FileInstance):
		return whole, nil
	case has(FileControl) || has(FileMaster) && packs:
		return headless, nil
	}
	for _, e := range entries {
		ours := []string{FileMaster, FileConfig, FileLedgerKey, FileLedgerPub, FileLedgerPEM, FileDemo, DirObjects, DirIndex, DirTemp, config.DirTest}
		if !slices.Contains(ours, e.Name()) && !strings.HasPrefix(e.Name(), durable.TempPrefix) {
			return foreign, nil
		}
	}
	if packs {
		return headless, nil // the packs of an archive whose keys lie elsewhere
	}
	return interrupted, nil
}

// Refuse says why a directory is not what it has to be: a data directory, or
// nothing that init would spoil.
func Refuse(dir string, wanted bool) error {
	c, err := look(dir)
	switch {
	case err != nil:
		return err
	case c == nothing && wanted:
		return fault.Newf(fault.NotFound, "there is no Siegel in %s; make one with siegel init, or name the right directory with --data", dir)
	case c == nothing:
		return nil
	case c == headless:
		return fault.Newf(fault.Damaged, "%s holds an archive, but instance.json is missing: delete nothing; docs/operations.md shows how to write that file", dir)
	case c == interrupted:
		return fault.Newf(fault.Conflict, "an init of %s was interrupted; nothing is archived there: move the directory away and run siegel init again", dir)
	case c == foreign && wanted:
		return fault.Newf(fault.NotFound, "there is no Siegel in %s, but files of something else; name the right directory with --data", dir)
	case c == foreign:
		return fault.Newf(fault.Conflict, "%s has files of something else; choose another directory", dir)
	default:
		return fault.Newf(fault.Conflict, "there is a Siegel in %s already; init makes new ones only", dir)
	}
}

// Demo reports whether the demo made a data directory for itself.
func Demo(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, FileDemo))
	return err == nil
}

// Fresh reports whether nothing lies in a directory yet: it is missing or empty.
func Fresh(dir string) bool {
	c, err := look(dir)
	return err == nil && c == nothing
}
