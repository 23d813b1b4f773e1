-- +goose Up
-- Requests of programs that may come twice, by their idempotency keys.
CREATE TABLE identity_replay (
  tenant BYTEA NOT NULL,
  person BYTEA NOT NULL,
  name BYTEA NOT NULL,         -- MAC of the key
  fingerprint BYTEA NOT NULL,  -- MAC of the request
  state INTEGER NOT NULL,      -- 0 being carried out, 1 answered, 2 answered with a secret, 3 nobody knows
  began BIGINT NOT NULL,
  status INTEGER NOT NULL,     -- of the answer; 0 where there is none
  location TEXT NOT NULL,
  answer BYTEA NOT NULL,       -- empty where it had a secret
  PRIMARY KEY (tenant, person, name)
);
CREATE INDEX identity_replay_began ON identity_replay (tenant, began);
