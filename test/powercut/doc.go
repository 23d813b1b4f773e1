// Package powercut cuts the power. It records the system calls of servers at
// work, replays them in a model of a file system that keeps nothing but what was
// synced, and opens what is left at every cut: what was acknowledged before the
// cut must be there, and proven. Then it does so again for each kind of sync
// without that sync, and must find something missing.
package powercut
