-- +goose Up
CREATE TABLE audit_event (
  tenant BYTEA NOT NULL,
  leaf BIGINT NOT NULL,        -- index of its entry in the audit log, which has id and time
  day BIGINT NOT NULL,         -- whose key the box is under
  box BYTEA NOT NULL,          -- salt and payload
  note BYTEA,                  -- what only keepers may read: the query, the reason; the payload says to whom it is sealed
  PRIMARY KEY (tenant, leaf)
);
CREATE TABLE audit_day (
  tenant BYTEA NOT NULL,
  day BIGINT NOT NULL,
  box BYTEA NOT NULL,          -- the day's key under the master key
  PRIMARY KEY (tenant, day)
);
