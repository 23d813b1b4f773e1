-- +goose Up
-- Long work of people. What it is about is sealed to its person.
CREATE TABLE archive_job (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  person BYTEA NOT NULL,
  once BYTEA NOT NULL,         -- the form that began it, which counts once
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  problem TEXT NOT NULL,       -- kind of what is in the way, or made it fail; empty for nothing
  done BIGINT NOT NULL,        -- messages
  total BIGINT NOT NULL,
  octets BIGINT NOT NULL,
  problems BIGINT NOT NULL,    -- messages that could not be opened
  gained BIGINT NOT NULL,      -- messages that somebody can read now
  lacking BIGINT NOT NULL,     -- messages that the search could not look at
  place TEXT NOT NULL,         -- behind which message the next part begins
  begun BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  ended BIGINT NOT NULL,       -- 0 before
  until BIGINT NOT NULL,       -- when it is deleted; 0 before it has ended
  run BYTEA NOT NULL,          -- the process that carries it
  home BYTEA NOT NULL,         -- where that is
  beat BIGINT NOT NULL,        -- when that was heard of last
  term BIGINT NOT NULL,        -- of the person's holder
  box BYTEA NOT NULL,          -- what was ordered, sealed to the person
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX archive_job_once ON archive_job (tenant, person, once);
CREATE INDEX archive_job_state ON archive_job (tenant, state);
-- Parts of what an export made: objects of the store.
CREATE TABLE archive_job_part (
  tenant BYTEA NOT NULL,
  job BYTEA NOT NULL,
  part BIGINT NOT NULL,        -- from 1
  object BYTEA NOT NULL,
  size BIGINT NOT NULL,        -- of the file in octets
  sealed BIGINT NOT NULL,      -- of the object
  messages BIGINT NOT NULL,
  octets BIGINT NOT NULL,
  problems BIGINT NOT NULL,
  term BIGINT NOT NULL,
  wrap BYTEA NOT NULL,         -- the data key, sealed to the person
  PRIMARY KEY (tenant, job, part)
);
