package layout

import (
	"bytes"
	"testing"

	"siegel/internal/proto/entry"
)

func FuzzParse(f *testing.F) {
	e := Entry{Text: []byte("text"), Sealed: entry.Nothing(), Leaf: entry.LeafData([]byte("text"), entry.Nothing())}
	leaves, texts := AppendLeaf(nil, e), AppendText(nil, e)
	f.Add(leaves, texts, 1)
	f.Add(AppendLeaf(leaves, e), AppendText(texts, e), 2)
	f.Fuzz(func(t *testing.T, leaves, texts []byte, width int) {
		if width < 0 || width > 256 {
			return
		}
		list, err := parse(leaves, texts, 0, width)
		if err != nil {
			return
		}
		var l, x []byte
		for _, e := range list {
			l, x = AppendLeaf(l, e), AppendText(x, e)
		}
		if !bytes.Equal(l, leaves) || !bytes.Equal(x, texts) {
			t.Errorf("another spelling was taken: %x %x", leaves, texts)
		}
	})
}
