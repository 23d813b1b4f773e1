package extract

import (
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
	// Offline: it makes no sockets, changes no file, signals no process but its own, and
	// none of them leaves its group.
	Offline bool
	// Blind: it opens no file but programs and libraries, and writes and cuts none.
	Blind bool
}

// Words of the command line by which a child knows what it is.
const (
	wordConfined = "confined"
	wordOffline  = "offline"
	wordBlind    = "blind"
)

// Confine takes from this process, which was started for nothing else, what it does
// not need to read documents: memory and time without bound, files that can be written,
// core dumps; and, where the kernel and who runs it allow that, sockets, changes of files,
// signals to others, and all files but programs and libraries. These hold for one thread only, so the program is executed
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
	if whole, err := blind(programs); err == nil && whole {
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

// library are folders of programs, of libraries and of what these read: fonts' names
// and character sets. There is no key and no mail in them.
func library() []string {
	return []string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/fonts", "/etc/alternatives", "/etc/localtime", "/dev/null", "/sys/kernel/mm",
	}
}

// rights returns the attributes of a ruleset that handles, and so takes away, all that a
// version of Landlock's interface knows, and whether that is all that could be done to a
// file: before version 3 (Linux 6.2) it lets files be cut. What versions behind 6 add is
// about sockets, and seccomp refuses these.
func rights(version int) (attr unix.LandlockRulesetAttr, whole bool) {
	attr.Handled_access_fs = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // the first version's
	if version >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr, version >= 3
}

// blind takes from this thread, and from what it starts, every file but programs and
// libraries, and what else Landlock of this kernel (since Linux 5.13) can take. whole is
// false where that leaves something to be done to files.
func blind(programs []string) (whole bool, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return false, errno
	}
	attr, whole := rights(int(version))
	// An older kernel takes a longer structure than its own where the rest of it is 0.
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return false, errno
	}
	defer func() { _ = unix.Close(int(set)) }() // of no use any more
	for _, path := range append(library(), programs...) {
		if err := permit(int(set), path); err != nil && !strings.HasPrefix(path, "/sys") {
			return false, err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return false, errno
	}
	return whole, nil
}

// permit lets what is at a path, and below it, be read and executed. What is not there
// needs no leave.
func permit(set int, path string) error {
	const (
		file = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
		dir  = file | unix.LANDLOCK_ACCESS_FS_READ_DIR
	)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }() // it was only named by it
	access := uint64(file)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		access = dir
	}
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
