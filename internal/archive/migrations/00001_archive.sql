-- +goose Up
CREATE TABLE archive_message (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  leaf BIGINT NOT NULL,        -- in the message log
  pack BYTEA NOT NULL,
  start BIGINT NOT NULL,       -- of the sealed octets in the pack
  length BIGINT NOT NULL,
  size BIGINT NOT NULL,        -- of the message in octets
  arrived BIGINT NOT NULL,
  opening BYTEA NOT NULL,      -- content opening, sealed
  evidence BYTEA NOT NULL,     -- evidence opening, sealed
  PRIMARY KEY (tenant, leaf)
);
CREATE UNIQUE INDEX archive_message_id ON archive_message (tenant, id);
