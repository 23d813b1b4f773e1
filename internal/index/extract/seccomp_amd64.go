package extract

import "golang.org/x/sys/unix"

// machine returns what the kernel calls this kind of machine, and rules of calls that
// not every kind has.
func machine() (arch uint32, own []rule) {
	return unix.AUDIT_ARCH_X86_64, append(refuseAll([]uint32{
		unix.SYS_CREAT, unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
		unix.SYS_LINK, unix.SYS_SYMLINK, unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_UNLINK, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_MKNOD,
		unix.SYS_MODIFY_LDT, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_USELIB,
	}), without(unix.SYS_OPEN, 1, writing))
}
