package derive

import (
	"errors"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// AU-01: who tries a password of somebody who does not exist waits as long as for a wrong
// one: the hash is compared to the end, with the work of new locks.
func TestNobody(t *testing.T) {
	for _, work := range []Work{{}, {Passes: 1, Memory: 8 << 10, Cost: 4}} {
		d := New(1, work)
		proof := []byte("as long as a verifier is, which has 44 octets")
		own, err := d.Hash(proof)
		if err != nil || !Proves(proof, own) || Proves(proof[1:], own) {
			t.Fatalf("%v: %v", own, err)
		}
		want, err := bcrypt.Cost([]byte(own))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bcrypt.Cost([]byte(d.Nobody())); got != want || err != nil {
			t.Errorf("nobody's hash has cost %d, %v; others have %d", got, err, want)
		}
		// Anything but this error would come before the work was done.
		if err := bcrypt.CompareHashAndPassword([]byte(d.Nobody()), proof); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) || Proves(proof, d.Nobody()) {
			t.Errorf("nobody's hash: %v", err)
		}
	}
}
