package extract

import (
	"encoding/json"

	"siegel/internal/proto/document"
	"siegel/internal/proto/frame"
)

// The child says Begin with ready when it has started. For each document the parent
// sends Message with header, Data and End (or Drop, where it is not wanted any more);
// the child answers with Data, which is text, and End with footer. Both are of one
// program, so nothing of this is kept anywhere.

// ready is what the child is able to do.
type ready struct {
	PDF     bool `json:"pdf"`     // there is a program that reads PDF
	Offline bool `json:"offline"` // it can open no connection
	Blind   bool `json:"blind"`   // it sees no file but programs
}

type header struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Limit int    `json:"limit"` // octets of text
}

type footer struct {
	State document.State `json:"state"`
	Cut   bool           `json:"cut"`
}

// send writes a frame of JSON.
func send(w *frame.Writer, k frame.Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Write(k, b)
}
