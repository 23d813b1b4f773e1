-- +goose Up
-- Who may hand in mail by the journal door, each row as the tenant's audit log has it.
CREATE TABLE identity_source (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,           -- of the entry of kind source
  name TEXT NOT NULL,
  address TEXT NOT NULL,       -- where it delivers to
  networks TEXT NOT NULL,      -- CIDR prefixes, joined by one space
  certificate BYTEA NOT NULL,  -- SHA-256 of the SubjectPublicKeyInfo; empty for none
  verifier BYTEA NOT NULL,     -- of the secret of SMTP AUTH; empty for none
  form TEXT NOT NULL,          -- reports, copies, copies+fields
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX identity_source_name ON identity_source (tenant, name);
