// Package parcel makes the parts of an export: messages as files or as an mbox, and a
// manifest of the SHA-256 of each (docs/formats/manifest.md), in a ZIP file or in what
// the caller has for a folder. The command and the server make them alike by it
// (requirement EX-02, decision D16).
package parcel

import (
	"archive/zip"
	"fmt"
	"io"
	"time"

	"siegel/internal/proto/aezip"
)

// Name is the name of a part, without the ending that a file has.
func Name(part int) string { return fmt.Sprintf("part-%04d", part) }

// Zip is a part that is a ZIP file.
type Zip struct {
	create func(name string) (io.Writer, error)
	close  func() error
}

// Encrypted begins a ZIP file on w that is encrypted by AES-256. password has at least
// 128 random bits, such as [aezip.Password] makes.
func Encrypted(w io.Writer, password string) Zip {
	z := aezip.NewWriter(w, password)
	return Zip{func(name string) (io.Writer, error) { return z.Create(name, time.Now()) }, z.Close}
}

// Plain begins a ZIP file on w that is not encrypted.
func Plain(w io.Writer) Zip {
	z := zip.NewWriter(w)
	return Zip{func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now()})
	}, z.Close}
}

// Create begins a file, after the one before is whole.
func (z Zip) Create(name string) (io.Writer, error) { return z.create(name) }

// Close ends the ZIP file. It does not close what is below.
func (z Zip) Close() error { return z.close() }
