package extract

import "golang.org/x/sys/unix"

// machine returns what the kernel calls this kind of machine, and rules of calls that
// not every kind has.
func machine() (arch uint32, own []rule) {
	return unix.AUDIT_ARCH_AARCH64, refuseAll([]uint32{unix.SYS_RENAMEAT})
}
