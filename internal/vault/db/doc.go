// Package db keeps the control data: rows of every room, bound to tenants.
//
// Its drivers are packages of their own: sqlite, one encrypted file, and postgres,
// a server that several nodes share. With both holds: when a transaction's function
// has returned nil and Update returns nil, its rows survive a power cut, and
// writers of one tenant take turns. All SQL of the house is written for SQLite and PostgreSQL alike:
// placeholders $1, $2… first used in ascending order, $1 always the tenant,
// BIGINT microseconds for times, BYTEA for octets, INTEGER 0 and 1 for truth.
//
// SQLite numbers a placeholder when it first meets it in the text, whatever
// digit follows the $. An UPDATE that sets a parameter therefore begins with
// SET tenant = $1, which changes nothing.
//
// A room gets a [Tenant], never a [DB]: a query without its tenant cannot be
// written. The instance itself is the tenant with the zero id.
package db
