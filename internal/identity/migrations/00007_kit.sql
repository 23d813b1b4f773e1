-- +goose Up
-- Recovery kits that were shown in a founding ceremony and wait for their words, and the answers to foundings, for an hour
-- (docs/formats/keys.md, Founding ceremony). Rows of the instance.
CREATE TABLE identity_kit (
  tenant BYTEA NOT NULL,
  name BYTEA NOT NULL,         -- of code and kit, which it does not tell
  ceremony BYTEA NOT NULL,     -- SHA-256 of the code
  until BIGINT NOT NULL,
  founded BIGINT NOT NULL,     -- 1 where the box has the answer
  box BYTEA NOT NULL,          -- opens with code, kit and the master key
  PRIMARY KEY (tenant, name)
);
CREATE INDEX identity_kit_ceremony ON identity_kit (tenant, ceremony);
CREATE INDEX identity_kit_until ON identity_kit (tenant, until);
