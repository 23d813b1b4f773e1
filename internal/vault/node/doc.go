// Package node knows the nodes that work together on one PostgreSQL database and
// one object store: which there are, which of them leads, and that none of them
// works on a database that was left behind.
//
// # The fence
//
// Where a standby is promoted while the old primary goes on, two servers take
// writes, and whatever is acknowledged on the old one is lost. The object store,
// which all nodes share, says which one counts: the value "fence" names cluster,
// timeline and a token that the database has too. A node is admitted for some
// seconds each time it has found fence and database to agree; db.DB asks before
// and after each transaction. Who finds a later timeline than the fence's raises
// the fence, and from then on everybody waits longer than an admission lasts: when
// the first node answers a sender on the new primary, none answers on the old one
// any more.
//
// A server is known before anybody works on it: the node asks it over a connection of
// its own whether it has the fence's token. Where its connections have to go to another server it is not
// admitted any more, before they go, and a transaction that was in progress then has an
// unknown outcome, wherever it ended (db.DB.Admit).
//
// What the fence cannot give: a commit that only the old primary has is lost with
// it. So commits have to wait for the standby that will be promoted
// (synchronous_standby_names), and a commit whose wait was broken off is none
// (db.ErrAlone).
//
// # The lead
//
// What one node does for all (signing, stamping, expiry) is done by the node that
// has an advisory lock of the database. It changes hands within 30 seconds, however
// the leader ended. During the change two may lead for some seconds; each of these
// works bears that: what they write is written by compare-and-swap or once.
package node
