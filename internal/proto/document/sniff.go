package document

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"siegel/internal/proto/rtf"
)

// kind is what a file is.
type kind uint8

const (
	otherFile   kind = iota // nothing that is read
	pdfFile                 // ISO 32000
	zipFile                 // perhaps an office document
	rtfFile                 //
	htmlFile                //
	mailFile                // RFC 5322
	textFile                //
	lockedFile              // an office document under a password
	foreignFile             // what has words for people and is not read: old office documents, other archives
)

// pdfStart is how far from its beginning a PDF may say that it is one: ISO 32000-1
// annex H, implementation note 13.
const pdfStart = 1024

// sniff tells what a file is.
func sniff(f File) kind {
	b := f.Octets
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("PK\x05\x06")):
		return zipFile
	case rtf.Is(b):
		return rtfFile
	case bytes.HasPrefix(b, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")): // MS-CFB section 2.2
		// MS-OFFCRYPTO section 2.3.4.4: the names of its streams are UTF-16.
		if bytes.Contains(b, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")) {
			return lockedFile
		}
		return foreignFile
	case packed(b):
		return foreignFile
	case bytes.HasPrefix(b, []byte("%PDF-")):
		return pdfFile
	case bytes.Contains(b[:min(len(b), pdfStart)], []byte("%PDF-")) && (binary(b) || extension(f.Name) == ".pdf" || strings.Contains(f.Type, "pdf")):
		return pdfFile // text may speak of it
	}
	return claimed(f)
}

// tarMagic is where a tar archive says that it is one: POSIX.1-2024, pax, ustar interchange format.
const tarMagic = 257

// packed reports whether a file is an archive, or compressed, in a way that is not read.
func packed(b []byte) bool {
	for _, magic := range []string{
		"7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "\x1f\x8b\x08" /* gzip, RFC 1952 section 2.3.1 */, "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", /* zstd, RFC 8878 section 3.1.1 */
	} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return magic != "BZh" || binary(b) // the letters alone are text too
		}
	}
	return len(b) > tarMagic && bytes.HasPrefix(b[tarMagic:], []byte("ustar"))
}

// extension is that of a file's name, lower-case, with its period.
func extension(name string) string { return strings.ToLower(path.Ext(strings.TrimRight(name, " ."))) }

// claimed tells what a file is that can be known by its name and type alone, and
// whether it can be that.
func claimed(f File) kind {
	ext := extension(f.Name)
	main, sub, _ := strings.Cut(strings.ToLower(f.Type), "/")
	start := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(f.Octets[:min(len(f.Octets), 512)], []byte("\uFEFF")), " \t\r\n"))
	switch {
	case binary(f.Octets):
		return otherFile
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")),
		slices.Contains([]string{".html", ".htm", ".xhtml", ".xht", ".xml"}, ext),
		slices.Contains([]string{"html", "xml", "xhtml+xml"}, sub):
		return htmlFile
	case main == "message", ext == ".eml", ext == ".mht", ext == ".mhtml":
		return mailFile
	case main == "text", slices.Contains(textExtensions(), ext):
		return textFile
	default:
		return otherFile
	}
}

// textExtensions are names of files that are text.
func textExtensions() []string {
	return []string{
		".txt", ".text", ".csv", ".tsv", ".md", ".markdown", ".rst", ".tex", ".log", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf",
		".ics", ".vcf", ".sql", ".sh", ".py", ".go", ".js", ".css", ".java", ".c", ".h", ".cpp", ".srt", ".bib", ".properties",
	}
}

// binary reports whether a file cannot be text: it has NULs, and not as UTF-16 has them.
func binary(b []byte) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return false
	}
	return bytes.IndexByte(b[:min(len(b), 8<<10)], 0) >= 0
}

// Worth reports whether a part of a message is worth being read as a file, by the name
// and media type that its sender gave it: text and HTML are read with the message
// itself, signatures, pictures, sound and films have no words.
func Worth(name, mediaType string) bool {
	ext := extension(name)
	main, sub, _ := strings.Cut(strings.ToLower(mediaType), "/")
	switch {
	case slices.Contains(documentExtensions(), ext):
		return true // whatever it is called beside
	case hopeless(ext):
		return false
	case main == "text":
		return sub == "rtf" || sub == "richtext"
	case main == "application" || main == "":
		return !strings.HasPrefix(sub, "pkcs") && !strings.HasPrefix(sub, "x-pkcs") && !strings.HasPrefix(sub, "pgp-")
	default:
		return false
	}
}

// documentExtensions are names of files that are read whatever type they claim.
func documentExtensions() []string {
	return []string{
		".pdf", ".docx", ".docm", ".dotx", ".xlsx", ".xlsm", ".xltx", ".pptx", ".pptm", ".ppsx", ".potx",
		".odt", ".ods", ".odp", ".odg", ".ott", ".ots", ".otp", ".rtf", ".zip", ".epub",
	}
}

// hopeless reports whether a file of that name has no words for us, whatever it is.
func hopeless(ext string) bool {
	return slices.Contains([]string{
		".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".ico", ".svgz", ".psd", ".mp3", ".wav", ".ogg", ".flac", ".m4a", ".mp4",
		".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".exe", ".dll", ".msi", ".com", ".so", ".dmg", ".iso", ".dcm", ".jar", ".class", ".ttf", ".otf", ".woff", ".woff2", ".p7s", ".p7m", ".p7c", ".sig", ".gpg", ".pgp", ".asc", ".key",
	}, ext)
}
