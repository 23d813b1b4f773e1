package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Bounds of the container. Octets.
const (
	maxFiles   = 64
	maxMessage = 1 << 30
)

// Signatures and fixed fields of a ZIP (APPNOTE.TXT 6.3.10 sections 4.3.7,
// 4.3.12 and 4.3.16).
const (
	localSignature   = 0x04034b50
	centralSignature = 0x02014b50
	endSignature     = 0x06054b50
	localSize        = 30
	centralSize      = 46
	endSize          = 22
	version          = 10   // 1.0: stored files, no folders of their own
	dosDate          = 0x21 // 1980-01-01, the time is zero
)

// member is one file of the container.
type member struct {
	name string
	size int64
	crc  uint32
	data []byte // not of the message

	open   func() (io.ReadCloser, error) // of the message
	offset int64                         // of the content, set by readZip
}

func newMember(name string, data []byte) member {
	return member{name: name, size: int64(len(data)), crc: crc32.ChecksumIEEE(data), data: data}
}

// local returns the header before a file's content.
func (m member) local() []byte {
	b := make([]byte, 0, localSize+len(m.name))
	b = binary.LittleEndian.AppendUint32(b, localSignature)
	b = binary.LittleEndian.AppendUint16(b, version)
	return append(m.fields(b), m.name...)
}

// fields appends what both headers have: flags, method, time, date, checksum,
// sizes, length of the name, no extra field.
func (m member) fields(b []byte) []byte {
	for _, v := range []uint16{0, 0, 0, dosDate} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{m.crc, uint32(m.size), uint32(m.size)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(m.name)))
	return binary.LittleEndian.AppendUint16(b, 0)
}

// directory returns what follows the files: the central directory and its end.
func directory(members []member) []byte {
	var b []byte
	at := int64(0)
	for _, m := range members {
		b = binary.LittleEndian.AppendUint32(b, centralSignature)
		b = binary.LittleEndian.AppendUint16(b, version)
		b = binary.LittleEndian.AppendUint16(b, version)
		b = m.fields(b)
		b = append(b, make([]byte, 10)...) // no comment, disk 0, no attributes
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
		b = append(b, m.name...)
		at += localSize + int64(len(m.name)) + m.size
	}
	size := len(b)
	b = binary.LittleEndian.AppendUint32(b, endSignature)
	for _, v := range []uint16{0, 0, uint16(len(members)), uint16(len(members))} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	return binary.LittleEndian.AppendUint16(b, 0)
}

// writeZip writes the container. A file without data is read from open, and has
// to have the size and the checksum that were said.
func writeZip(w io.Writer, members []member) error {
	for _, m := range members {
		if _, err := w.Write(m.local()); err != nil {
			return err
		}
		if m.open == nil {
			if _, err := w.Write(m.data); err != nil {
				return err
			}
			continue
		}
		if err := writeMessage(w, m); err != nil {
			return err
		}
	}
	_, err := w.Write(directory(members))
	return err
}

func writeMessage(w io.Writer, m member) (err error) {
	r, err := m.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sum := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(w, sum), r)
	if err == nil && (n != m.size || sum.Sum32() != m.crc) {
		err = fmt.Errorf("bundle: %s changed while it was written", m.name)
	}
	return err
}

// readZip reads a container of size octets that writeZip wrote, and refuses any
// other. limit says how many octets a file may have, and whether there is such a
// file. The message is not read, its checksum not yet compared.
func readZip(r io.ReaderAt, size int64, limit func(name string) (int64, bool)) ([]member, error) {
	var members []member
	at := int64(0)
	for {
		head := make([]byte, localSize)
		if _, err := r.ReadAt(head, at); err != nil {
			return nil, fmt.Errorf("zip: %w", ErrFormat)
		}
		if binary.LittleEndian.Uint32(head) == centralSignature {
			break
		}
		m, err := readMember(io.NewSectionReader(r, 0, size), at, head, limit)
		if err != nil || len(members) == maxFiles {
			return nil, fmt.Errorf("zip: %w", ErrFormat)
		}
		members = append(members, m)
		at = m.offset + m.size
	}
	want := directory(members)
	if size-at != int64(len(want)) {
		return nil, fmt.Errorf("zip: %w", ErrFormat)
	}
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, at); err != nil || !bytes.Equal(got, want) {
		return nil, fmt.Errorf("zip: %w", ErrFormat)
	}
	return members, nil
}

func readMember(r *io.SectionReader, at int64, head []byte, limit func(string) (int64, bool)) (member, error) {
	name := make([]byte, binary.LittleEndian.Uint16(head[26:]))
	if len(name) > 64 {
		return member{}, ErrFormat
	}
	if _, err := r.ReadAt(name, at+localSize); err != nil {
		return member{}, ErrFormat
	}
	m := member{
		name: string(name), crc: binary.LittleEndian.Uint32(head[14:]), size: int64(binary.LittleEndian.Uint32(head[18:])),
		offset: at + localSize + int64(len(name)),
	}
	most, known := limit(m.name)
	if !known || m.size > most || m.size > r.Size()-m.offset || !bytes.Equal(m.local(), append(bytes.Clone(head), name...)) {
		return member{}, ErrFormat
	}
	if m.name == fileMessage {
		return m, nil // read as it passes
	}
	m.data = make([]byte, m.size)
	if _, err := io.ReadFull(io.NewSectionReader(r, m.offset, m.size), m.data); err != nil || crc32.ChecksumIEEE(m.data) != m.crc {
		return member{}, ErrFormat
	}
	return m, nil
}
