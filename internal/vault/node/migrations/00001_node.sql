-- +goose Up
CREATE TABLE node_epoch (
  tenant BYTEA NOT NULL,       -- the instance
  timeline BIGINT NOT NULL,    -- of PostgreSQL
  token BYTEA NOT NULL,        -- made by the first node that worked on it
  owner TEXT NOT NULL,         -- name of the instance
  PRIMARY KEY (tenant, timeline)
);
CREATE TABLE node_seen (
  tenant BYTEA NOT NULL,       -- the instance
  id BYTEA NOT NULL,           -- of the process
  name TEXT NOT NULL,          -- of its machine
  version TEXT NOT NULL,
  started BIGINT NOT NULL,
  seen BIGINT NOT NULL,        -- when it last said so
  state TEXT NOT NULL,
  leads INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
);
