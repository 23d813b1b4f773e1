// Package dbtest gives tests the databases of the house, and is the suite that
// both drivers pass.
//
// Tests of rooms ask [New] for a place: an encrypted SQLite file, or, where
// SIEGEL_TEST_DATABASE is postgres, a database of its own on a PostgreSQL server
// that starts with the first test of a process and ends with the process. make test
// runs them both ways.
package dbtest
