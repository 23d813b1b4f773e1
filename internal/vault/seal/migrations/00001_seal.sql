-- +goose Up
CREATE TABLE seal_holder (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  kind TEXT NOT NULL,
  term INTEGER NOT NULL,      -- the current one; new wraps use no other
  next BIGINT NOT NULL,       -- sequence number of the next wrap
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE TABLE seal_term (
  tenant BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  term INTEGER NOT NULL,
  public BYTEA NOT NULL,
  created BIGINT NOT NULL,
  entry BYTEA NOT NULL,       -- text of the key entry
  salt BYTEA NOT NULL,        -- of its field record
  leaf BIGINT NOT NULL,       -- its index in the audit log
  PRIMARY KEY (tenant, holder, term)
);
CREATE TABLE seal_lock (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  term INTEGER NOT NULL,
  kind TEXT NOT NULL,
  parameters TEXT NOT NULL,
  verifier TEXT NOT NULL,
  box BYTEA NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX seal_lock_holder ON seal_lock (tenant, holder);
CREATE TABLE seal_grant (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  term INTEGER NOT NULL,
  grantee BYTEA NOT NULL,
  grantee_term INTEGER NOT NULL,
  kind TEXT NOT NULL,
  scope TEXT NOT NULL,
  not_after BIGINT NOT NULL,
  giver BYTEA NOT NULL,
  sealed BYTEA NOT NULL,
  entry BYTEA NOT NULL,
  salt BYTEA NOT NULL,        -- of its field grant, so that the row can be checked without a session
  opening BYTEA NOT NULL,     -- of the entry, sealed to the holder
  opening_term INTEGER NOT NULL, -- and to which term of it
  leaf BIGINT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX seal_grant_grantee ON seal_grant (tenant, grantee);
CREATE INDEX seal_grant_holder ON seal_grant (tenant, holder);
CREATE TABLE seal_batch (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  term INTEGER NOT NULL,
  sealed BYTEA NOT NULL,
  PRIMARY KEY (tenant, id, holder)
);
CREATE TABLE seal_wrap (
  tenant BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  seq BIGINT NOT NULL,
  message BYTEA NOT NULL,
  month INTEGER NOT NULL,     -- of arrival, year * 100 + month, UTC
  term INTEGER NOT NULL,
  batch BYTEA NOT NULL,       -- zero for a local wrap
  wrap BYTEA NOT NULL,
  PRIMARY KEY (tenant, holder, seq)
);
CREATE UNIQUE INDEX seal_wrap_message ON seal_wrap (tenant, message, holder);
CREATE INDEX seal_wrap_month ON seal_wrap (tenant, holder, month, seq);
