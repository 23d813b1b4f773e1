package commit

import (
	"context"

	"siegel/internal/vault/db"
)

// Transaction runs a transaction as db.DB.Update does.
type Transaction func(context.Context, func(*db.Batch) error) error

// Around puts something around the room's transactions. Call it before Run.
func (r *Room) Around(f func(Transaction) Transaction) { r.update = f(r.update) }

// Bounds of a group.
const (
	MaxMessages = maxMessages
	MaxBytes    = maxBytes
	RetryFor    = retryFor
)

// Waiting returns how many messages stand in line and how many groups are ready.
func (r *Room) Waiting() (messages, groups int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		messages += len(l.waiting)
	}
	return messages, int(r.packed.Load())
}

// Stopping reports whether the room takes no further messages.
func (r *Room) Stopping() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stop
}
