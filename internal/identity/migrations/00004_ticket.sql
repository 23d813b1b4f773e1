-- +goose Up
-- What browsers come back with (docs/formats/keys.md, Ticket). Rows of the instance: a cookie does not say whose it is.
CREATE TABLE identity_ticket (
  tenant BYTEA NOT NULL,
  name BYTEA NOT NULL,         -- SHA-256 of the cookie
  id BYTEA NOT NULL,           -- by which its person ends it
  owner BYTEA NOT NULL,        -- her tenant
  person BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  term BIGINT NOT NULL,
  box BYTEA NOT NULL,          -- her seed
  made BIGINT NOT NULL,
  used BIGINT NOT NULL,        -- to the minute
  ends BIGINT NOT NULL,        -- whatever happens
  device TEXT NOT NULL,        -- as the browser calls itself
  peer TEXT NOT NULL,          -- the address it came from last
  PRIMARY KEY (tenant, name)
);
CREATE INDEX identity_ticket_person ON identity_ticket (tenant, owner, person);
CREATE INDEX identity_ticket_used ON identity_ticket (tenant, used);
-- Devices from which a person has signed in before: failures from elsewhere do not lock them out.
CREATE TABLE identity_device (
  tenant BYTEA NOT NULL,
  name BYTEA NOT NULL,         -- MAC of the device's cookie and the account
  seen BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);
CREATE INDEX identity_device_seen ON identity_device (tenant, seen);
-- Failed sign-ins that are counted against an account, a device or a network, by a MAC of it.
CREATE TABLE identity_brake (
  tenant BYTEA NOT NULL,
  name BYTEA NOT NULL,
  failures BIGINT NOT NULL,
  until BIGINT NOT NULL,       -- when they are forgotten, or the lock ends
  locked BIGINT NOT NULL,      -- 1 while it is locked
  PRIMARY KEY (tenant, name)
);
CREATE INDEX identity_brake_until ON identity_brake (tenant, until);
-- What a tenant has chosen instead of a default.
CREATE TABLE identity_setting (
  tenant BYTEA NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
);
