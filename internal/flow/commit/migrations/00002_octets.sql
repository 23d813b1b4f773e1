-- +goose Up
CREATE TABLE commit_octets (
  tenant BYTEA NOT NULL,
  mac BYTEA NOT NULL,         -- of the SHA-256 of the octets, under the tenant's key; 16 octets
  message BYTEA NOT NULL,
  recipients BYTEA NOT NULL,  -- of SHA-256 and recipient, 8 octets for each of the envelope
  PRIMARY KEY (tenant, mac, message)
);
