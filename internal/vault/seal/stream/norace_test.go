//go:build !race

package stream_test

func raceEnabled() bool { return false }
