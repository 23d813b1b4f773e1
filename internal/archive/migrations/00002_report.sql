-- +goose Up
-- What surrounded the message in a journal report, sealed; NULL where it came in none.
ALTER TABLE archive_message ADD COLUMN report BYTEA;
