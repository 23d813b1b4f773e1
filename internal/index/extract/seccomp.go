package extract

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the filter answers.
const (
	allow   = unix.SECCOMP_RET_ALLOW
	refuse  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	missing = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS) // who asks takes an older call then
)

// newest is the number of the newest call that the lists below were written with. Later
// ones are not there for the child, nor are those of the second set that amd64 has.
const newest = unix.SYS_RSEQ_SLICE_YIELD

// Operations of fcntl(2) that let the kernel send a signal to any process of the
// account, when something happens to a file.
const (
	setOwner   = 8
	setSignal  = 10
	setOwnerEx = 15
)

// rule says what becomes of a call.
type rule struct {
	call uint32
	then []unix.SockFilter // ends in an answer
}

// offline takes from this thread, and from what it starts, the calls that make sockets,
// that change files or what is known of them, that signal or change processes which it
// has not started, and those by which a process leaves its group: who kills the group
// gets all of it. It fails where there is no list for this kind of machine.
func offline() error {
	arch, own := machine()
	if arch == 0 {
		return errors.ErrUnsupported
	}
	filter := program(arch, slices.Concat(refused(), conditional(uint32(os.Getpid())), own))
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(filter)
	return err
}

// program makes a filter of rules; what has none is allowed.
func program(arch uint32, rules []rule) []unix.SockFilter {
	const number, architecture = 0, 4 // places in seccomp_data
	filter := []unix.SockFilter{
		load(architecture), jump(unix.BPF_JEQ, arch, 1, 0), answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(number), jump(unix.BPF_JGT, newest, 0, 1), answer(missing),
	}
	for _, r := range rules {
		filter = append(filter, jump(unix.BPF_JEQ, r.call, 0, uint8(len(r.then))))
		filter = append(filter, r.then...)
	}
	return append(filter, answer(allow))
}

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func jump(test uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, Jt: yes, Jf: no, K: k}
}

func answer(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}

// low is where the lower half of an argument lies, which is all of it where the kernel
// takes an int; both kinds of machine are little-endian.
func low(argument uint32) uint32 { return 16 + 8*argument }

// only allows a call where an argument that is an int is k.
func only(call, argument, k uint32) rule {
	return rule{call, []unix.SockFilter{load(low(argument)), jump(unix.BPF_JEQ, k, 1, 0), answer(refuse), answer(allow)}}
}

// without allows a call where an argument has none of some bits.
func without(call, argument, bits uint32) rule {
	return rule{call, []unix.SockFilter{load(low(argument)), jump(unix.BPF_JSET, bits, 0, 1), answer(refuse), answer(allow)}}
}

// writing are the flags of open(2) of who does not only read.
const writing = unix.O_ACCMODE | unix.O_CREAT | unix.O_TRUNC

// conditional are the rules of calls that Go, or the start of a program, needs in part.
// self is the child's number, which it keeps when it is executed anew.
func conditional(self uint32) []rule {
	const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	const shared = unix.MAP_SHARED | unix.MAP_ANONYMOUS
	return []rule{
		// A process signals itself, and by a pidfd what it has started; such a one it
		// gets from clone, or of itself, by which Go sees whether there are any.
		only(unix.SYS_KILL, 0, self), only(unix.SYS_TGKILL, 0, self), only(unix.SYS_PIDFD_OPEN, 0, self),
		without(unix.SYS_OPENAT, 2, writing),
		without(unix.SYS_CLONE, 0, spaces),
		// Bounds are read, of itself, and set no more: root could raise them.
		{unix.SYS_PRLIMIT64, []unix.SockFilter{
			load(low(0)), jump(unix.BPF_JEQ, 0, 0, 4),
			load(low(2)), jump(unix.BPF_JEQ, 0, 0, 2),
			load(low(2) + 4), jump(unix.BPF_JEQ, 0, 1, 0),
			answer(refuse), answer(allow),
		}},
		{unix.SYS_FCNTL, []unix.SockFilter{
			load(low(1)), jump(unix.BPF_JEQ, setOwner, 2, 0), jump(unix.BPF_JEQ, setSignal, 1, 0),
			jump(unix.BPF_JEQ, setOwnerEx, 0, 1), answer(refuse), answer(allow),
		}},
		// The bound of memory does not count what is shared.
		{unix.SYS_MMAP, []unix.SockFilter{
			load(low(3)),
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: shared},
			jump(unix.BPF_JEQ, shared, 0, 1), answer(refuse), answer(allow),
		}},
		// Their flags lie in memory, where no filter looks.
		{unix.SYS_CLONE3, []unix.SockFilter{answer(missing)}},
		{unix.SYS_OPENAT2, []unix.SockFilter{answer(missing)}},
	}
}

// refuseAll makes rules of calls that are refused.
func refuseAll(calls []uint32) []rule {
	rules := make([]rule, len(calls))
	for i, c := range calls {
		rules[i] = rule{c, []unix.SockFilter{answer(refuse)}}
	}
	return rules
}

// refused are the rules of the calls that nothing needs which reads documents.
func refused() []rule {
	return refuseAll([]uint32{
		// Connections, and memory or messages that processes share.
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_MEMFD_CREATE, unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
		unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
		// Files: their length, name, owner, mode, times, attributes.
		unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_COPY_FILE_RANGE, unix.SYS_IOCTL,
		unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT, unix.SYS_FILE_SETATTR,
		unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT,
		unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK,
		// File systems and name spaces.
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
		unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
		// Other processes.
		unix.SYS_SETSID, unix.SYS_SETPGID, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_GETFD,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_KCMP, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
		unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR, unix.SYS_SETRLIMIT,
		// Accounts and rights.
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_CAPSET,
		// The machine, and calls whose holes were many.
		unix.SYS_BPF, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SETHOSTNAME,
		unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_PERSONALITY,
	})
}
