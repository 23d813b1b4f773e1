// Package index finds sealed mail again. On arrival it takes the text out of a
// message and seals it as the message's index record; the server can read none
// of them afterwards. An unlocked session catches up what is pending into a
// projection: an encrypted SQLite file with an FTS5 table per holder and month,
// whose key comes from the holder's seed. A projection can be deleted at any
// time and comes back the same (requirement BX-07).
package index
