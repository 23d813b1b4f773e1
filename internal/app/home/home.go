// Package home tells whether a process that is gone ran where this one runs.
//
// Nodes that share a database see of each other only what stands there: of a node that is
// silent nobody knows whether it is dead. A process that has the lock of a data directory
// knows it of all that had the lock before.
package home

import (
	"crypto/sha256"
	"os"

	"golang.org/x/sys/unix"

	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
)

// fileBoot has an id of the time since the machine was started (proc(5)).
const fileBoot = "/proc/sys/kernel/random/boot_id"

// Of names what a process has by an exclusive lock on a file: two that have the same
// name never run at once. It is another one for every file, so for a copy of a data
// directory too, and after the machine was started anew, when numbers of files and devices
// may be given again. Where the machine does not tell, nobody else gets the same.
func Of(lock *os.File) (id mail.ID, err error) {
	boot, err := os.ReadFile(fileBoot)
	if err != nil {
		boot = mail.NewID().Bytes()
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &st); err != nil {
		return id, err
	}
	sum := sha256.Sum256(tuple.Make("siegel/v1 home", boot, tuple.Uint64(st.Dev), tuple.Uint64(st.Ino)))
	copy(id[:], sum[:])
	return id, nil
}
