package seal_test

import (
	"testing"

	"siegel/internal/vault/seal"
)

// A key that is used all the time is remembered however many others come.
func TestUsedKeysStay(t *testing.T) {
	t.Parallel()
	if !seal.StaysKnown(3 * seal.MaxKnown) {
		t.Error("a key that is used was forgotten")
	}
	if seal.Known(3*seal.MaxKnown) > seal.MaxKnown {
		t.Error("more keys are remembered than may be")
	}
}
