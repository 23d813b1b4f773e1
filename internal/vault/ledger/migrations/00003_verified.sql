-- +goose Up
-- When a tenant's logs were verified last, and what was found.
CREATE TABLE ledger_verified (
  tenant BYTEA NOT NULL,
  at BIGINT NOT NULL,          -- when it ended
  entries BIGINT NOT NULL,     -- that were checked, of all logs
  problems BIGINT NOT NULL,
  PRIMARY KEY (tenant)
);
