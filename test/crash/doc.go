// Package crash kills servers with SIGKILL at every step of the path of a
// message, many times, while senders are at work, and looks whether everything
// that was acknowledged is there, once and proven; and in the middle of jobs, which
// have to end whole all the same. SIGKILL keeps the page cache: what a power cut
// leaves is for test/powercut.
package crash
