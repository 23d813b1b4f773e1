-- +goose Up
-- What of the archive somebody is given for a time: each has a holder of its own, to which the messages are sealed.
CREATE TABLE archive_case (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  person BYTEA NOT NULL,       -- to whom it was given
  grantee BYTEA NOT NULL,      -- her holder
  giver BYTEA NOT NULL,        -- the keeper
  made BIGINT NOT NULL,
  until BIGINT NOT NULL,
  ended BIGINT NOT NULL,       -- when it ended; 0 while it is open
  messages BIGINT NOT NULL,    -- that are sealed to it
  whole BIGINT NOT NULL,       -- 1 when the search was gone through to its end
  keepers_term BIGINT NOT NULL,
  keepers_box BYTEA NOT NULL,  -- name, search and reason, sealed to the archive
  own_term BIGINT NOT NULL,
  own_box BYTEA NOT NULL,      -- the same, sealed to the person
  PRIMARY KEY (tenant, id)
);
CREATE INDEX archive_case_person ON archive_case (tenant, person, made);
CREATE INDEX archive_case_until ON archive_case (tenant, ended, until);
