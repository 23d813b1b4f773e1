-- +goose Up
-- How many of the refused attempts were not looked at, since too many had failed before: they are among times.
-- Builds that do not know the column leave it 0.
ALTER TABLE identity_attempt ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
