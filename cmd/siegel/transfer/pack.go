package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"siegel/cmd/siegel/transfer/part"
	"siegel/internal/front/console"
	"siegel/internal/proto/manifest"
	"siegel/internal/proto/mbox"
)

// Bounds of a part: what an interrupted export does again, and how much of a manifest
// and of a container's list is held in memory.
const (
	maxPart      = 50_000 // messages
	partOctets   = 1 << 30
	besideOctets = 16 << 20 // messages that wait until the mbox of the part ends
	besideSmall  = 1 << 20
)

// Names in a part.
const (
	nameManifest = "manifest.jsonl"
	nameMbox     = "mail.mbox"
	dirMessages  = "messages"
	dirBeside    = "beside"
)

// why a message lies beside an mbox.
const noLineEnd = "mbox cannot carry a message whose last line has no end"

// errHash says that other octets came than were announced.
var errHash = errors.New("other octets came than the archive announced")

// packer packs messages into parts. It implements [client.Letters].
type packer struct {
	mbox  bool
	begin func(number int) (part.Tree, error)
	// finished is called when a part is whole, with behind which message it ends.
	finished func(number int, at string, e manifest.End) error
	tick     func(octets, messages int64)
	export   string // id
	most     int    // messages of a part
	octets   int64  // octets of a part

	part  int // that is being written, or the next one
	tree  part.Tree
	list  bytes.Buffer // manifest of the part
	lines *manifest.Writer
	at    string       // behind the last message
	n     int          // messages and problems of the part
	size  int64        // octets of messages of the part
	box   *mbox.Writer // of the part; nil where it has not begun
	below *position
	later []later // messages that are written when the mbox has ended
	held  int64   // octets of them

	letter console.Letter
	item   manifest.Item
	to     io.Writer
	hash   hash.Hash
	wait   *bytes.Buffer // takes the message that is written later; nil for none
	done   position      // octets of all messages
	count  int64
}

type later struct {
	item   manifest.Item
	octets []byte
}

// position counts octets.
type position struct {
	w io.Writer
	n int64
}

func (p *position) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

// Begin implements [client.Letters].
func (p *packer) Begin(l console.Letter) error {
	if err := p.next(p.full(l)); err != nil {
		return err
	}
	p.letter, p.hash, p.wait = l, sha256.New(), nil
	p.item = manifest.Item{ID: l.ID.String(), SHA256: l.SHA256, Size: l.Size, Arrived: l.Arrived}
	name := fmt.Sprintf("%06d-%s.eml", p.n+1, l.ID)
	var err error
	switch {
	case !p.mbox:
		p.item.File = dirMessages + "/" + name
		p.to, err = p.tree.Create(p.item.File)
	case l.Carried:
		err = p.entry(l.Arrived)
	default:
		p.item.File, p.item.Beside = dirBeside+"/"+name, noLineEnd
		if p.box == nil {
			p.to, err = p.tree.Create(p.item.File)
			break
		}
		p.wait = new(bytes.Buffer)
		p.to = p.wait
	}
	return err
}

// full reports whether a message has to lie in another part than the mbox that was
// begun.
func (p *packer) full(l console.Letter) bool {
	return p.mbox && p.box != nil && !l.Carried && (l.Size > besideSmall || p.held+l.Size > besideOctets)
}

// entry begins an entry of the mbox.
func (p *packer) entry(arrived time.Time) error {
	if p.box == nil {
		w, err := p.tree.Create(nameMbox)
		if err != nil {
			return err
		}
		p.below = &position{w: w}
		p.box = mbox.NewWriter(p.below)
	}
	if err := p.box.Flush(); err != nil {
		return err
	}
	at := p.below.n
	p.item.File, p.item.Offset = nameMbox, &at
	p.to = p.box
	return p.box.Begin(arrived)
}

// Write implements [client.Letters].
func (p *packer) Write(b []byte) (int, error) {
	p.hash.Write(b)
	return p.to.Write(b)
}

// End implements [client.Letters].
func (p *packer) End() error {
	if hex.EncodeToString(p.hash.Sum(nil)) != p.letter.SHA256 {
		return errHash
	}
	if p.item.Offset != nil {
		if exact, err := p.box.End(); err != nil || !exact {
			return errors.Join(err, errNot(exact))
		}
	}
	if p.wait != nil {
		p.later = append(p.later, later{p.item, p.wait.Bytes()})
		p.held += p.letter.Size
	}
	p.n++
	p.count++
	p.size += p.letter.Size
	p.done.n += p.letter.Size
	p.at = p.letter.At
	p.tick(p.done.n, p.count)
	return p.lines.Add(p.item)
}

func errNot(exact bool) error {
	if exact {
		return nil
	}
	return errHash
}

// Missing implements [client.Letters].
func (p *packer) Missing(m console.Missing) error {
	if err := p.next(false); err != nil {
		return err
	}
	p.n++
	p.at = m.At
	return p.lines.Add(manifest.Item{ID: m.ID.String(), Problem: m.Why})
}

// next sees to it that a part is open that takes one more, and another one where the
// message has to lie in another.
func (p *packer) next(another bool) error {
	if another || p.n >= p.most || p.size >= p.octets {
		if err := p.close(); err != nil {
			return err
		}
	}
	return p.open()
}

// open begins a part where none is open.
func (p *packer) open() (err error) {
	if p.tree != nil {
		return nil
	}
	if p.tree, err = p.begin(p.part); err != nil {
		return err
	}
	p.n, p.size, p.box, p.later, p.held = 0, 0, nil, nil, 0
	p.list.Reset()
	p.lines, err = manifest.NewWriter(&p.list, manifest.Head{Export: p.export, Part: p.part, Made: time.Now().UTC().Truncate(time.Second)})
	return err
}

// close ends the part that is open.
func (p *packer) close() error {
	if p.tree == nil {
		return nil
	}
	if p.box != nil {
		if err := p.box.Flush(); err != nil {
			return err
		}
	}
	for _, l := range p.later {
		if err := p.file(l.item.File, l.octets); err != nil {
			return err
		}
	}
	if err := p.lines.Close(); err != nil {
		return err
	}
	if err := p.file(nameManifest, p.list.Bytes()); err != nil {
		return err
	}
	if err := p.tree.Close(); err != nil {
		return err
	}
	p.tree = nil
	p.part++
	return p.finished(p.part-1, p.at, p.lines.Ended())
}

func (p *packer) file(name string, octets []byte) error {
	w, err := p.tree.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(octets)
	return err
}

// abort takes the part that is open away.
func (p *packer) abort() error {
	if p.tree == nil {
		return nil
	}
	err := p.tree.Abort()
	p.tree = nil
	return err
}
