package extract

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bounds of the child and of each of its helpers, in octets and numbers.
const (
	maxMemory = 768 << 20
	softTotal = 384 << 20 // from where on the child collects its garbage in earnest
	maxFiles  = 64
)

// Confined is what the kernel has taken from a process for ever.
type Confined struct {
	Offline bool // it makes no sockets, and no process of it leaves its group
	Blind   bool // it opens no file but programs and libraries
}

// Words of the command line by which a child knows what it is.
const (
	wordConfined = "confined"
	wordOffline  = "offline"
	wordBlind    = "blind"
)

// Confine takes from this process, which was started for nothing else, what it does
// not need to read documents: memory and time without bound, files that can be written,
// core dumps; and, where the kernel and who runs it allow that, sockets and all files but
// programs and libraries. These hold for one thread only, so the program is executed
// anew from it, with args and what was achieved behind them: see [Achieved].
//
// It returns where the program could not be executed anew; then the process goes on
// with the bounds alone.
func Confine(args []string) error {
	runtime.LockOSThread()
	for limit, n := range map[int]uint64{
		unix.RLIMIT_DATA: maxMemory, unix.RLIMIT_CPU: uint64(maxTime.Seconds()), unix.RLIMIT_FSIZE: 0,
		unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: maxFiles,
	} {
		if err := lower(limit, n); err != nil {
			return err
		}
	}
	// When memory is short the child goes, not the server. Where that cannot be said,
	// the kernel chooses.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	words := append(slices.Clone(args), wordConfined)
	programs := []string{exe}
	for _, a := range args {
		if filepath.IsAbs(a) {
			programs = append(programs, a)
		}
	}
	if blind(programs) == nil {
		words = append(words, wordBlind)
	}
	if offline() == nil {
		words = append(words, wordOffline)
	}
	return unix.Exec(exe, append([]string{exe}, words...), nil)
}

// Achieved splits the arguments of a program that [Confine] has executed: those that it
// was given, and what became of it. ok is false where it was not executed so.
func Achieved(args []string) (given []string, c Confined, ok bool) {
	at := slices.Index(args, wordConfined)
	if at < 0 {
		return args, c, false
	}
	words := args[at+1:]
	return args[:at], Confined{Offline: slices.Contains(words, wordOffline), Blind: slices.Contains(words, wordBlind)}, true
}

// Settle makes the child collect garbage before it comes near to its bound, and hides
// its memory from other processes of its account (requirement CR-15).
func Settle() error {
	debug.SetMemoryLimit(softTotal)
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// lower lowers a limit of this process for ever.
func lower(limit int, n uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(limit, &now); err != nil {
		return err
	}
	n = min(n, now.Max)
	return unix.Setrlimit(limit, &unix.Rlimit{Cur: n, Max: n})
}

// offline takes from this thread, and from what it starts, the calls that make sockets
// and those by which a process leaves its group: who kills the group gets all of it.
func offline() error {
	var arch uint32
	switch runtime.GOARCH {
	case "amd64":
		arch = unix.AUDIT_ARCH_X86_64
	case "arm64":
		arch = unix.AUDIT_ARCH_AARCH64
	default:
		return errors.ErrUnsupported
	}
	const (
		number, architecture = 0, 4       // places in seccomp_data
		x32                  = 0x40000000 // numbers of a second set of calls on amd64
		refuse               = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	)
	denied := []uint32{unix.SYS_SOCKET, unix.SYS_SETSID, unix.SYS_SETPGID, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_IO_URING_SETUP}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: architecture},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: arch},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: x32},
		{Code: unix.BPF_RET | unix.BPF_K, K: refuse},
	}
	for _, call := range denied {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: call},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: refuse})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(filter)
	return err
}

// library are folders of programs, of libraries and of what these read: fonts' names
// and character sets. There is no key and no mail in them.
func library() []string {
	return []string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/fonts", "/etc/alternatives", "/etc/localtime", "/dev/null", "/sys/kernel/mm",
	}
}

// blind takes from this thread, and from what it starts, every file but programs and
// libraries: Landlock, since Linux 5.13.
func blind(programs []string) error {
	const (
		file = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
		dir  = file | unix.LANDLOCK_ACCESS_FS_READ_DIR
		// What its first version knows; later ones add to it.
		all = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
	)
	attr := unix.LandlockRulesetAttr{Handled_access_fs: all}
	// Of the attributes the first is as old as Landlock.
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return errno
	}
	defer func() { _ = unix.Close(int(set)) }() // of no use any more
	for _, path := range append(library(), programs...) {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // what is not there needs no leave
		}
		access := uint64(file)
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			access = dir
		}
		beneath := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
		_ = unix.Close(fd)
		if errno != 0 && !strings.HasPrefix(path, "/sys") {
			return errno
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
