package output

// Before main, the Go runtime opens the null device in place of a standard
// output that is closed, and whatever is printed is lost without an error. Only
// what runs before that, as a C library's constructors do, can see it; afterwards
// nothing tells it from a standard output that somebody has thrown away.

/*
#include <errno.h>
#include <fcntl.h>

static int closed;

__attribute__((constructor)) static void look(void) {
	closed = fcntl(1, F_GETFD) == -1 && errno == EBADF;
}

static int was_closed(void) { return closed; }
*/
import "C"

import (
	"os"

	"golang.org/x/sys/unix"
)

// Standard returns the sink over the standard output. Every Write fails where
// the program was started with that closed.
func Standard() *Sink {
	s := &Sink{File: os.Stdout}
	if C.was_closed() != 0 {
		s.closed = unix.EBADF
	}
	return s
}
