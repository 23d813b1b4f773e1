// Package postgres opens the control database of any number of nodes on a
// PostgreSQL server, version 15 or newer.
//
// Transactions run READ COMMITTED, and each first takes the turn of every tenant
// whose rows it touches: an advisory lock that ends with the transaction. So what
// a transaction has read of a tenant's rows holds until it ends, as with SQLite's one
// writer, while tenants are written in parallel.
//
// Nothing is asked of a server that would lose what it acknowledged: Open refuses
// one without fsync, full_page_writes or synchronous_commit, a standby, and
// connections that others could read or answer.
package postgres
