package record

import "siegel/internal/proto/document"

// Reads is what is known of how a message's attachments were read, so that searches
// find their text. The zero value says that nothing is left to say.
type Reads struct {
	// Waiting says that they are not read yet: there is no second record.
	Waiting bool

	all   document.State            // of all that are worth reading, where there is one answer
	parts map[string]document.State // of those that could not be read, or not wholly, by their paths
}

// Reads returns what a second record says of how attachments were read.
func (a Attachments) Reads() Reads {
	var r Reads
	for _, t := range a.Texts {
		switch {
		case t.State == document.Read:
		case t.Part == "":
			r.all = t.State
		default:
			if r.parts == nil {
				r.parts = make(map[string]document.State)
			}
			r.parts[t.Part] = t.State
		}
	}
	return r
}

// Of returns what became of an attachment, by its path and by its name and media type as
// its sender gave them; waiting says that it is not read yet. The empty state is that of
// an attachment that was read, or that has nothing to be read.
func (r Reads) Of(path, name, mediaType string) (state document.State, waiting bool) {
	if state = r.parts[path]; state != document.Read || !document.Worth(name, mediaType) {
		return state, false
	}
	return r.all, r.Waiting
}

// Unread is an attachment whose text no search finds, or not wholly.
type Unread struct {
	Part  string         `json:"part"` // its path, as IMAP numbers parts
	Name  string         `json:"name"` // as its sender gave it; may be empty
	State document.State `json:"state"`
}

// Unread returns which attachments of a message could not be read, at most so many. A
// record of version 1 has no paths: its attachments are not named.
func (r Record) Unread(reads Reads, most int) (list []Unread) {
	for _, f := range r.Files {
		state, _ := reads.Of(f.Part, f.Name, f.Type)
		if state != document.Read && f.Part != "" && len(list) < most {
			list = append(list, Unread{f.Part, f.Name, state})
		}
	}
	return list
}
