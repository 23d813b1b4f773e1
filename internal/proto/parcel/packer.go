package parcel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"siegel/internal/proto/manifest"
	"siegel/internal/proto/mbox"
)

// Bounds of a part: what an interrupted export does again, and how much of a manifest
// and of a container's list is held in memory.
const (
	MaxMessages = 50_000  // messages
	MaxOctets   = 1 << 30 // octets of messages, and one message more

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

// ErrOther says that other octets came than were announced.
var ErrOther = errors.New("parcel: other octets came than the archive announced")

// Tree takes the files of one part, one after the other. Nothing of the part counts
// before Close has returned nil.
type Tree interface {
	// Create begins a file, after the one before is whole.
	Create(name string) (io.Writer, error)
	Close() error
	// Abort takes away what was written.
	Abort() error
}

// Head is what is known of a message before its octets.
type Head struct {
	ID      string // 32 hex digits
	SHA256  string // hex
	Size    int64
	Arrived time.Time
	Carried bool   // mbox carries it exactly
	At      string // behind it the export goes on; only the finder reads it
}

// Plan says how parts are made.
type Plan struct {
	Mbox   bool   // one file of messages, not one for each
	Export string // its id
	Part   int    // number of the next part
	Most   int    // messages of a part, at most [MaxMessages]
	Octets int64  // octets of a part, at most [MaxOctets]
	// Begin begins a part.
	Begin func(number int) (Tree, error)
	// Finished is called when a part is whole, with behind which message it ends.
	Finished func(number int, at string, e manifest.End) error
	// Tick hears how many octets and messages are packed, those of earlier runs too.
	Tick func(octets, messages int64)
	// PackedOctets and PackedMessages are of earlier runs.
	PackedOctets, PackedMessages int64
}

// Packer packs messages into parts, one message after the other. It belongs to one
// goroutine.
type Packer struct {
	Plan

	tree  Tree
	list  bytes.Buffer // manifest of the part
	lines *manifest.Writer
	at    string       // behind the last message
	n     int          // messages and problems of the part
	size  int64        // octets of messages of the part
	box   *mbox.Writer // of the part; nil where it has not begun
	below *position
	later []later // messages that are written when the mbox has ended
	held  int64   // octets of them

	letter Head
	item   manifest.Item
	to     io.Writer
	hash   hash.Hash
	wait   *bytes.Buffer // takes the message that is written later; nil for none
}

// New returns a packer.
func New(p Plan) *Packer { return &Packer{Plan: p} }

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

// Letter begins a message, whose octets Write takes and End ends.
func (p *Packer) Letter(l Head) error {
	if err := p.next(p.full(l)); err != nil {
		return err
	}
	p.letter, p.hash, p.wait = l, sha256.New(), nil
	p.item = manifest.Item{ID: l.ID, SHA256: l.SHA256, Size: l.Size, Arrived: l.Arrived}
	name := fmt.Sprintf("%06d-%s.eml", p.n+1, l.ID)
	var err error
	switch {
	case !p.Mbox:
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
func (p *Packer) full(l Head) bool {
	return p.Mbox && p.box != nil && !l.Carried && (l.Size > besideSmall || p.held+l.Size > besideOctets)
}

// entry begins an entry of the mbox.
func (p *Packer) entry(arrived time.Time) error {
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

// Write takes octets of the message that was begun.
func (p *Packer) Write(b []byte) (int, error) {
	p.hash.Write(b)
	return p.to.Write(b)
}

// End ends the message. It fails with an error that Is [ErrOther] where the octets are
// not those that were announced.
func (p *Packer) End() error {
	if hex.EncodeToString(p.hash.Sum(nil)) != p.letter.SHA256 {
		return ErrOther
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
	p.PackedMessages++
	p.size += p.letter.Size
	p.PackedOctets += p.letter.Size
	p.at = p.letter.At
	p.Tick(p.PackedOctets, p.PackedMessages)
	return p.lines.Add(p.item)
}

func errNot(exact bool) error {
	if exact {
		return nil
	}
	return ErrOther
}

// Missing says of a message that cannot be opened why it is not in the part.
func (p *Packer) Missing(id, at, why string) error {
	if err := p.next(false); err != nil {
		return err
	}
	p.n++
	p.at = at
	return p.lines.Add(manifest.Item{ID: id, Problem: why})
}

// next sees to it that a part is open that takes one more, and another one where the
// message has to lie in another.
func (p *Packer) next(another bool) error {
	if another || p.n >= p.Most || p.size >= p.Octets {
		if err := p.Close(); err != nil {
			return err
		}
	}
	return p.open()
}

// open begins a part where none is open.
func (p *Packer) open() (err error) {
	if p.tree != nil {
		return nil
	}
	if p.tree, err = p.Plan.Begin(p.Part); err != nil {
		return err
	}
	p.n, p.size, p.box, p.later, p.held = 0, 0, nil, nil, 0
	p.list.Reset()
	p.lines, err = manifest.NewWriter(&p.list, manifest.Head{Export: p.Export, Part: p.Part, Made: time.Now().UTC().Truncate(time.Second)})
	return err
}

// Close ends the part that is open.
func (p *Packer) Close() error {
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
	p.Part++
	return p.Finished(p.Part-1, p.at, p.lines.Ended())
}

func (p *Packer) file(name string, octets []byte) error {
	w, err := p.tree.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(octets)
	return err
}

// Abort takes the part that is open away.
func (p *Packer) Abort() error {
	if p.tree == nil {
		return nil
	}
	err := p.tree.Abort()
	p.tree = nil
	return err
}
