-- +goose Up
CREATE TABLE ledger_checkpoint (
  tenant BYTEA NOT NULL,
  log TEXT NOT NULL,
  size BIGINT NOT NULL,
  note BYTEA NOT NULL,         -- the signed checkpoint
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant, log, size)
);
CREATE TABLE ledger_anchor (
  tenant BYTEA NOT NULL,
  log TEXT NOT NULL,
  size BIGINT NOT NULL,        -- of the checkpoint that is anchored
  idx BIGINT NOT NULL,         -- of the entry in the instance's log
  salt BYTEA NOT NULL,         -- of its field checkpoint
  PRIMARY KEY (tenant, log, size)
);
CREATE TABLE ledger_stamp (
  tenant BYTEA NOT NULL,       -- the instance
  size BIGINT NOT NULL,        -- of the instance's checkpoint
  state TEXT NOT NULL,         -- waiting, stamped, or covered by a later one
  created BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  due BIGINT NOT NULL,         -- when to try next: for the token, then for the lists
  token BYTEA,
  made BIGINT,                 -- the time that the token says
  chain BYTEA,                 -- certificates, signer first (PEM)
  lists BYTEA,                 -- revocation lists (PEM); NULL until they were fetched
  PRIMARY KEY (tenant, size)
);
CREATE INDEX ledger_stamp_due ON ledger_stamp (tenant, state, due);
