package file

import (
	"bytes"
	"net/http"
	"strings"

	"siegel/internal/kit/plain"
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
	if runes := []rune(shown); len(runes) > maxName {
		shown = string(runes[:maxName]) + "…"
	}
	return shown, odd
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
