// Command gen puts the proof page together: one HTML file with the verifier (WASM),
// the scripts and the styles in it, and the policy that allows nothing else. The
// same sources and the same Go give the same octets. scripts/proofpage.sh runs it.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"siegel/internal/kit/durable"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	var p places
	flag.StringVar(&p.source, "source", "internal/front/web/proofpage", "folder of page.html and what goes into it")
	flag.StringVar(&p.static, "static", "internal/front/web/page/static", "folder of siegel.css and seal.svg")
	flag.StringVar(&p.wasm, "wasm", "", "the verifier, compiled")
	flag.StringVar(&p.exec, "exec", "", "wasm_exec.js of the Go that compiled it")
	out := flag.String("out", "", "where the page goes, packed by gzip")
	flag.Parse()
	page, err := p.page()
	if err != nil {
		log.Fatal(err)
	}
	if err := write(*out, pack(page)); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("gen: %s: a page of %d kB (SHA-256 %x), %d kB packed\n", *out, len(page)/1000, sha256.Sum256(page), len(pack(page))/1000)
}

// write replaces a file at once, and not where it is the same already: a build
// that runs meanwhile sees the old one or the new one.
func write(name string, b []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, b) {
		return nil
	}
	return durable.WriteFile(name, b, 0o644)
}

// places are where the parts are.
type places struct{ source, static, wasm, exec string }

// page returns the page.
func (p places) page() ([]byte, error) {
	var failed error
	read := func(dir, name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && failed == nil {
			failed = err
		}
		return string(b)
	}
	template, script := read(p.source, "page.html"), read(p.source, "page.js")
	worker := read("", p.exec) + read(p.source, "worker.js")
	seal, wasm := strings.TrimSpace(read(p.static, "seal.svg")), read("", p.wasm)
	colours, err := tokens(read(p.static, "siegel.css"))
	if failed != nil || err != nil {
		return nil, fmt.Errorf("reading: %w", firstOf(failed, err))
	}
	style := colours + read(p.source, "page.css")
	return fill(template, []part{
		{"policy", policy(script, style)},
		{"icon", base64.StdEncoding.EncodeToString([]byte(seal))},
		{"style", style},
		{"mark", strings.Replace(seal, "<svg ", `<svg aria-hidden="true" `, 1)},
		{"verifier", fmt.Sprintf("%x", sha256.Sum256([]byte(wasm)))},
		{"script", script},
		{"worker", worker},
		{"wasm", base64.StdEncoding.EncodeToString(pack([]byte(wasm)))},
	})
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// policy says what the page may do: run the one script and the verifier, and
// nothing that reaches out. It holds in a saved copy too.
func policy(script, style string) string {
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	return "default-src 'none'; script-src " + sum(script) + " 'wasm-unsafe-eval'; style-src " + sum(style) +
		"; img-src data:; worker-src blob:; connect-src 'none'; form-action 'none'; base-uri 'none'" +
		"; require-trusted-types-for 'script'; trusted-types siegel"
}

// part is what takes the place of {{name}}.
type part struct{ name, text string }

// fill puts each part into its one place. What stands in a script must not end
// it.
func fill(template string, parts []part) ([]byte, error) {
	var out strings.Builder
	for _, p := range parts {
		before, after, found := strings.Cut(template, "{{"+p.name+"}}")
		if !found || strings.Contains(after, "{{"+p.name+"}}") || strings.Contains(before, "{{") {
			return nil, fmt.Errorf("page.html: {{%s}} has to stand there once, in the order of the parts", p.name)
		}
		for _, end := range []string{"</script", "</style", "<!--", "\r"} {
			if strings.Contains(strings.ToLower(p.text), end) {
				return nil, fmt.Errorf("%s has %q in it, which a page cannot hold", p.name, end)
			}
		}
		out.WriteString(before)
		out.WriteString(p.text)
		template = after
	}
	out.WriteString(template)
	return []byte(out.String()), nil
}

// tokens returns the colours of the house's style sheet: the rules for :root, light
// and dark. On paper the light ones hold.
func tokens(sheet string) (string, error) {
	const dark = "@media (prefers-color-scheme: dark) {"
	light, rest, found := strings.Cut(sheet, dark)
	night, _, closed := strings.Cut(rest, "\n}\n")
	if !found || !closed || !strings.HasPrefix(light, ":root {") || strings.Count(light, "{") != 1 || strings.Count(night, "{") != 1 {
		return "", fmt.Errorf("siegel.css does not begin with the colours, light and then dark")
	}
	return light + "@media screen and (prefers-color-scheme: dark) {" + night + "\n}\n", nil
}

// pack compresses, always to the same octets.
func pack(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // memory takes everything
	}
	return out.Bytes()
}
