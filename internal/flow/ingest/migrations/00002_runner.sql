-- +goose Up
-- Which run goes on with a job, so that no other does meanwhile, at whatever node.
ALTER TABLE ingest_job ADD COLUMN runner BYTEA;                     -- id of the run; NULL of a row of an earlier version
ALTER TABLE ingest_job ADD COLUMN home BYTEA;                       -- who shares it does not run at the same time
ALTER TABLE ingest_job ADD COLUMN renewed BIGINT NOT NULL DEFAULT 0; -- when the run last said that it goes on; 0 for one that has ended
