package node

import (
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db/postgres"
)

// fenceName is where the fence lies in the object store (docs/formats/pack.md).
func fenceName() blob.Name { return blob.Name(mail.TenantID{}.String() + "/fence") }

// fence says which database counts, and from when on nodes work on it.
type fence struct {
	postgres.Primary

	token mail.ID   // of the timeline, as the database has it
	from  time.Time // UTC, whole microseconds
}

// MAC authenticates octets under the instance's key: master.Key.
type MAC interface {
	FenceMAC(b []byte) [32]byte
}

const fenceMagic = "siegel/v1 fence"

// maxFence bounds a fence, in octets.
const maxFence = 512

// encode returns the text of a fence: a line each for the cluster, the timeline,
// the token, the time, and the MAC over these.
func (f fence) encode(m MAC) []byte {
	sum := m.FenceMAC(f.bound())
	return fmt.Appendf(nil, "%s\nsystem %s\ntimeline %d\ntoken %s\nfrom %d\nmac %s\n",
		fenceMagic, f.System, f.Timeline, f.token, mail.Micros(f.from), hex.EncodeToString(sum[:]))
}

func (f fence) bound() []byte {
	return tuple.Make(fenceMagic, []byte(f.System), tuple.Uint64(uint64(f.Timeline)), f.token[:], tuple.Uint64(uint64(mail.Micros(f.from))))
}

var errFence = errors.New("node: not the text of a fence")

// parseFence is the inverse of encode. It takes one spelling only, and fails with
// kind Damaged where there is another or the MAC is not ours.
func parseFence(b []byte, m MAC) (fence, error) {
	damaged := func(err error) (fence, error) {
		return fence{}, fault.Because(fault.Damaged, "the fence in the object store was made with another master.key than this one, or changed: take the key of the other servers; only if they have the same and somebody changed it, run siegel node adopt with all servers stopped", err)
	}
	lines := strings.Split(string(b), "\n")
	if len(b) > maxFence || len(lines) != 7 {
		return damaged(errFence)
	}
	var values [5]string
	for i, name := range []string{"system", "timeline", "token", "from", "mac"} {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[i+1], name+" "); !ok {
			return damaged(errFence)
		}
	}
	f := fence{Primary: postgres.Primary{System: values[0]}}
	var errs [3]error
	var from int64
	f.Timeline, errs[0] = strconv.ParseInt(values[1], 10, 64)
	f.token, errs[1] = mail.ParseID(values[2])
	from, errs[2] = strconv.ParseInt(values[3], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return damaged(errFence)
	}
	f.from = mail.FromMicros(from)
	if !hmac.Equal(f.encode(m), b) {
		return damaged(errors.New("node: another MAC"))
	}
	return f, nil
}
