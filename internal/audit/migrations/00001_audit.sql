-- +goose Up
CREATE TABLE audit_event (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,           -- of the entry in the audit log
  leaf BIGINT NOT NULL,
  created BIGINT NOT NULL,
  day BIGINT NOT NULL,         -- whose key the box is under
  box BYTEA NOT NULL,          -- salt and payload
  note BYTEA,                  -- what only keepers may read: the query, the reason
  note_holder BYTEA,
  note_term INTEGER,
  PRIMARY KEY (tenant, leaf)
);
CREATE TABLE audit_day (
  tenant BYTEA NOT NULL,
  day BIGINT NOT NULL,
  box BYTEA NOT NULL,          -- the day's key under the master key
  PRIMARY KEY (tenant, day)
);
