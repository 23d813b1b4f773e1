package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever owns the files puts links in the place of files and folders of them while
// they are read: nothing outside is read, and no file that a link leads to.
func TestExchange(t *testing.T) {
	base := plant(t, "in/a.eml", "in/sub/b.eml", "in/M/new/", "in/M/cur/c", "out/a.eml", "out/b.eml", "out/c", "out/cur/c", "out/new/")
	in := filepath.Join(base, "in")
	swaps := map[string]string{"a.eml": "out/a.eml", "sub": "out", "M/cur": "out", "M": "out"}
	for name, to := range swaps {
		if err := os.Symlink(filepath.Join(base, to), filepath.Join(base, "swap-"+filepath.Base(name))); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan error)
	exchange := func(name string) error {
		return unix.Renameat2(unix.AT_FDCWD, filepath.Join(in, name), unix.AT_FDCWD, filepath.Join(base, "swap-"+filepath.Base(name)), unix.RENAME_EXCHANGE)
	}
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			for name := range swaps {
				// There and back, so that one never works below the link of another.
				if err := errors.Join(exchange(name), exchange(name)); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	walks, taken := 0, 0
	for begun := time.Now(); time.Since(begun) < 2*time.Second && !t.Failed(); walks++ {
		l := new(listed)
		w := &walker{say: english, batch: 10, found: (&reader{to: l}).file}
		if err := w.argument(0, in, 0); err != nil {
			t.Error(err)
		}
		for _, got := range l.found {
			if strings.HasPrefix(got, "out/") {
				t.Errorf("walk %d read what a link leads to: %q", walks, got)
			}
			if strings.HasPrefix(got, "in/") {
				taken++
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Skipf("skipped: this file system exchanges nothing: %v", err)
	}
	if !t.Failed() && (walks < 20 || taken == 0) {
		t.Errorf("%d walks, %d files taken: the test proves little", walks, taken)
	}
}
