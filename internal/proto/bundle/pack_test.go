package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Pack puts files into a container in the given order and makes the manifest
// anew, whatever they say, as a forger would.
func Pack(names []string, content map[string][]byte) []byte {
	var manifest bytes.Buffer
	for _, name := range names {
		if name != fileManifest {
			fmt.Fprintf(&manifest, "%x  %s\n", sha256.Sum256(content[name]), name)
		}
	}
	var members []member
	for _, name := range names {
		data := content[name]
		if name == fileManifest {
			data = manifest.Bytes()
		}
		members = append(members, newMember(name, data))
	}
	var out bytes.Buffer
	if err := writeZip(&out, members); err != nil {
		panic("bundle: " + err.Error()) // memory does not fail
	}
	return out.Bytes()
}
