-- +goose Up
-- Invitations to found a tenant in a browser, of the operator. Rows of the instance.
CREATE TABLE identity_ceremony (
  tenant BYTEA NOT NULL,
  name BYTEA NOT NULL,         -- SHA-256 of the code
  until BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);
