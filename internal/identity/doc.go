// Package identity knows tenants, domains, people and their roles, signs people
// in, and carries out who may read what: roles are verbs, grants are keys
// (security-model.md, "Who can give access"). An administrator requests, a
// keeper executes in a session that holds the archive, nobody for himself.
//
// Nobody sets another's password: a person gets a code, under which her seed is
// made, and locks it with a password of her own.
package identity
