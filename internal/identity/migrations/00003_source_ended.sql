-- +goose Up
-- What sources that were removed were called, to name them beside what was counted of them. The audit log has the
-- end itself (source.remove).
CREATE TABLE identity_source_ended (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
