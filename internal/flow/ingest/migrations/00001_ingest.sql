-- +goose Up
CREATE TABLE ingest_job (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  mac BYTEA NOT NULL,        -- of paths and recipient, under the tenant's key
  state TEXT NOT NULL,       -- open, done
  what BYTEA NOT NULL,       -- paths and recipient, sealed
  cursor BYTEA NOT NULL,     -- behind the last item that was settled, sealed
  place BIGINT NOT NULL,     -- how many items were settled
  accepted BIGINT NOT NULL,
  there BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  octets BIGINT NOT NULL,    -- of messages that were settled
  person BYTEA NOT NULL,     -- who gave the command last
  begun BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX ingest_job_mac ON ingest_job (tenant, mac);
CREATE TABLE ingest_taken (
  tenant BYTEA NOT NULL,
  job BYTEA NOT NULL,
  place BIGINT NOT NULL,     -- of the item; behind that of the job
  message BYTEA NOT NULL,
  PRIMARY KEY (tenant, job, place)
);
CREATE TABLE ingest_reference (
  tenant BYTEA NOT NULL,
  message BYTEA NOT NULL,    -- that was there already
  job BYTEA NOT NULL,
  times BIGINT NOT NULL,     -- how often the job brought it again
  PRIMARY KEY (tenant, message, job)
);
