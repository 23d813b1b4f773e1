// Package archive keeps sealed messages with proof. Its Prepare seals a message
// on its way: the octets as received, the openings of its ledger entry, its key
// for the archive and for the people whose addresses it bears. Everything sealed
// is opened again and compared before the commit (requirement EV-01). Its other
// half gives messages back to sessions that reach their keys, after the opening
// has been entered in the audit log (CR-10), and writes proof bundles (EV-04).
package archive
