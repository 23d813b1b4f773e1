// Package commit is the commit point of the path: it makes the units of
// messages true, together or not at all, and answers only then.
//
// Messages of one tenant that arrive together form a group: one pack, made
// durable outside the transaction while the group's keys are wrapped, then one
// transaction with rows, ledger leaves and the group's id. Tenants write their
// packs in parallel; groups whose packs are durable share a transaction. When a
// transaction fails its groups are tried singly, and then their messages
// singly, so that one poisonous message harms nobody. Where the answer of a
// commit was lost, the group's id is looked up before anyone is answered.
package commit
