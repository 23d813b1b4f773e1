-- +goose Up
-- Searches that people keep, each sealed to its person.
CREATE TABLE index_saved (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  owner BYTEA NOT NULL,        -- the person's holder
  term BIGINT NOT NULL,
  made BIGINT NOT NULL,
  box BYTEA NOT NULL,          -- name, text and order
  PRIMARY KEY (tenant, id)
);
CREATE INDEX index_saved_owner ON index_saved (tenant, owner, made);
