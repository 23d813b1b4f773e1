package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/vault/ledger"
)

// ours are the files that an export has, with slashes.
var ours = regexp.MustCompile(`^(` + layout.FileKey + `|` + logs + `/(` + layout.FileCheckpoint + `|` + layout.DirCheckpoints + `/\d+|` +
	`tile/(\d|` + layout.KindEntries + `|` + layout.KindTexts + `)/(x\d{3}/)*\d{3}(\.p/\d{1,3})?))$`)

// folders are those that it has.
var folders = regexp.MustCompile(`^` + logs + `(/|$)`)

const logs = `(` + ledger.Message + `|` + ledger.Audit + `|` + ledger.Instance + `)`

// discard takes away an earlier export: one of a longer log, or of another tenant,
// would leave files that belong to nothing in the new one. It fails with kind
// Conflict, before anything is gone, where something else lies in the folder.
func discard(dir string) error {
	var files, emptied []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch name = filepath.ToSlash(name); {
		case d.IsDir() && folders.MatchString(name):
			emptied = append(emptied, path)
		case d.Type().IsRegular() && ours.MatchString(name):
			files = append(files, path)
		default:
			return fault.Newf(fault.Conflict, "%s is in the folder and of no export; name another folder", name)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.Reverse(emptied) // the inner ones first
	for _, path := range slices.Concat(files, emptied) {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
