-- +goose Up
CREATE TABLE index_record (
  tenant BYTEA NOT NULL,
  message BYTEA NOT NULL,
  pack BYTEA NOT NULL,
  start BIGINT NOT NULL,
  length BIGINT NOT NULL,
  PRIMARY KEY (tenant, message)
);
CREATE TABLE index_projection (
  tenant BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  month INTEGER NOT NULL,
  term INTEGER NOT NULL,       -- of the holder, whose seed the file's key comes from
  salt BYTEA NOT NULL,
  PRIMARY KEY (tenant, holder, month)
);
