// Package operation is what all operations of the REST API have in common: how they are
// described and found, who calls, problems, ETags and idempotency keys. A room of operations
// registers its own.
package operation
