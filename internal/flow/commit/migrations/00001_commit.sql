-- +goose Up
CREATE TABLE commit_group (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  pack BYTEA NOT NULL,
  size BIGINT NOT NULL,      -- of the pack in octets
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX commit_group_pack ON commit_group (tenant, pack);
CREATE TABLE commit_retry (
  tenant BYTEA NOT NULL,
  mac BYTEA NOT NULL,        -- of peer, envelope and SHA-256, under the tenant's key
  message BYTEA NOT NULL,
  times BIGINT NOT NULL,     -- how often the transaction came
  expires BIGINT NOT NULL,
  PRIMARY KEY (tenant, mac)
);
CREATE INDEX commit_retry_expires ON commit_retry (tenant, expires);
