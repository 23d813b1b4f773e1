-- +goose Up
CREATE TABLE ledger_log (
  tenant BYTEA NOT NULL,
  name TEXT NOT NULL,          -- message, audit; of the instance: instance
  origin TEXT NOT NULL,        -- <instance name>/<random id>/<generation>
  size BIGINT NOT NULL,
  edge BYTEA NOT NULL,         -- the partial tiles at the right, lowest level first
  changed BIGINT NOT NULL,     -- when the first leaf came that no checkpoint covers, 0 for none
  PRIMARY KEY (tenant, name)
);
CREATE TABLE ledger_entry (
  tenant BYTEA NOT NULL,
  log TEXT NOT NULL,
  idx BIGINT NOT NULL,
  leaf BYTEA NOT NULL,         -- leaf data, 32 octets
  sealed BYTEA NOT NULL,       -- SHA-256 of the sealed octets, part of the leaf data
  text BYTEA NOT NULL,         -- the entry
  mac BYTEA NOT NULL,          -- that this instance entered it
  PRIMARY KEY (tenant, log, idx)
);
CREATE TABLE ledger_tile (
  tenant BYTEA NOT NULL,
  log TEXT NOT NULL,
  level INTEGER NOT NULL,
  idx BIGINT NOT NULL,
  data BYTEA NOT NULL,         -- 256 hashes
  PRIMARY KEY (tenant, log, level, idx)
);
