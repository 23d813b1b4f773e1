-- +goose Up
CREATE TABLE index_attachments (
  tenant BYTEA NOT NULL,
  message BYTEA NOT NULL,
  month INTEGER NOT NULL,      -- of the message's arrival, year * 100 + month, UTC
  seq BIGINT NOT NULL,         -- in the order in which records of the month came; 0 while there is none
  tries INTEGER NOT NULL,      -- how often somebody began since the last record
  until BIGINT NOT NULL,       -- microseconds: nobody else begins before
  record BYTEA,                -- a box; NULL behind a seq: nothing will come
  PRIMARY KEY (tenant, message)
);
CREATE INDEX index_attachments_month ON index_attachments (tenant, month, seq);
