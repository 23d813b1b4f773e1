package file

import (
	"bytes"
	"net/http"
	"strings"
	"unicode"

	"siegel/internal/kit/plain"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// Sniffed keeps the first octets of a part, which say what it is. It is for one goroutine.
type Sniffed struct{ b bytes.Buffer }

// sniffLen is how many octets [http.DetectContentType] looks at.
const sniffLen = 512

// Write implements [io.Writer]. It takes everything.
func (s *Sniffed) Write(p []byte) (int, error) {
	_, _ = s.b.Write(p[:min(len(p), sniffLen-s.b.Len())]) // memory
	return len(p), nil
}

// Close implements [io.Closer].
func (s *Sniffed) Close() error { return nil }

// Differs returns what a part is by its first octets, where its sender calls it something
// else: empty where that fits, or where octets alone do not tell.
func (s *Sniffed) Differs(said string) string {
	b := s.b.Bytes()
	if bytes.HasPrefix(b, []byte("MZ")) {
		return "application/x-msdownload"
	}
	got, _, _ := strings.Cut(http.DetectContentType(b), ";")
	zipped := strings.Contains(said, "zip") || strings.Contains(said, "officedocument") || strings.Contains(said, "opendocument") || strings.Contains(said, "epub")
	switch {
	case got == "application/octet-stream", got == said, said == "application/octet-stream" && got == "text/plain":
		return ""
	case strings.HasPrefix(got, "text/") && (strings.HasPrefix(said, "text/") || got == "text/plain" || got == "text/xml"):
		return ""
	case got == "application/zip" && zipped, strings.Contains(said, strings.TrimPrefix(got, "application/x-")):
		return ""
	case strings.HasPrefix(got, "image/") && strings.TrimPrefix(got, "image/") == "jpeg" && said == "image/jpg":
		return ""
	}
	return got
}

// maxName bounds a file's name, in characters.
const maxName = 200

// PlainName returns a file's name as it can be shown, without characters that turn the
// direction of what follows or cannot be seen, and whether it had such: "gpj.exe" must not
// read as "exe.jpg".
func PlainName(name string) (shown string, odd bool) {
	shown, odd = plain.Text(name)
	return clip(shown), odd
}

// clip shortens a name that is too long. How it ends stays: it says what the file is.
func clip(name string) string {
	runes := []rune(name)
	if len(runes) <= maxName {
		return name
	}
	end := ending(runes)
	return string(runes[:maxName-len(end)]) + "…" + string(end)
}

// maxEnding bounds how a file's name ends, in characters, with its dot.
const maxEnding = 16

// ending returns how a file's name ends, from its last dot on; empty where it has no ending.
func ending(name []rune) []rune {
	for at := len(name) - 2; at > 0 && at >= len(name)-maxEnding; at-- {
		if name[at] == '.' {
			return name[at:]
		}
		if !unicode.IsLetter(name[at]) && !unicode.IsDigit(name[at]) {
			break
		}
	}
	return nil
}

// called returns the name of a part as its sender gave it, of a message without one its
// subject; empty where it has none.
func called(p *mime.Part) string {
	if p.FileName != "" || !isMessage(p) {
		return p.FileName
	}
	if subject := strings.Trim(header.Get(p.Fields, "Subject"), ". "); subject != "" {
		return subject + ".eml"
	}
	return ""
}

// isMessage reports whether a part is a message that lies in another one.
func isMessage(p *mime.Part) bool { return p.Type == "message/rfc822" || p.Type == "message/global" }

// saved returns the name under which a client saves a part: with the usual ending of what it
// is, where it has no name.
func saved(p *mime.Part) string {
	if name := called(p); name != "" {
		return Name(name)
	}
	if isMessage(p) {
		return "message.eml"
	}
	return "attachment" + map[string]string{
		"application/pdf": ".pdf", "application/zip": ".zip", "application/x-zip-compressed": ".zip", "application/json": ".json", "application/xml": ".xml",
		"application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt", "application/rtf": ".rtf",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
		"application/vnd.oasis.opendocument.text":                                   ".odt", "application/vnd.oasis.opendocument.spreadsheet": ".ods", "application/pkcs7-mime": ".p7m",
		"image/jpeg": ".jpg", "image/jpg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/tiff": ".tif", "image/svg+xml": ".svg",
		"audio/mpeg": ".mp3", "video/mp4": ".mp4", "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/calendar": ".ics", "text/vcard": ".vcf",
		"text/rtf": ".rtf", "text/xml": ".xml", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt",
	}[p.Type]
}

// Name returns the name under which a client saves a part: without folders, and never
// empty.
func Name(name string) string {
	name, _ = PlainName(name)
	name = strings.Map(func(x rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, x) {
			return '_'
		}
		return x
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "attachment"
	}
	return name
}
