-- +goose Up
-- Rows of identity_tenant, identity_domain, identity_login and identity_attempt belong to the instance (the zero
-- tenant): they say which tenant something belongs to, or that it belongs to none.
-- Rows with a salt count only as the newest entry of their id in the tenant's audit log has them (docs/formats/entry.md).
CREATE TABLE identity_tenant (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  name TEXT NOT NULL,
  archive BYTEA NOT NULL,      -- its archive holder
  recovery BYTEA NOT NULL,     -- its recovery holder
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,     -- the time of the entry
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX identity_tenant_name ON identity_tenant (tenant, name);
CREATE TABLE identity_domain (
  tenant BYTEA NOT NULL,
  domain TEXT NOT NULL,
  owner BYTEA NOT NULL,
  id BYTEA NOT NULL,           -- of the entry of kind domain
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,
  PRIMARY KEY (tenant, domain)
);
CREATE TABLE identity_login (
  tenant BYTEA NOT NULL,
  email TEXT NOT NULL,
  owner BYTEA NOT NULL,
  person BYTEA NOT NULL,
  PRIMARY KEY (tenant, email, owner)
);
CREATE TABLE identity_attempt (
  tenant BYTEA NOT NULL,
  began BIGINT NOT NULL,       -- the window that is counted
  account BYTEA NOT NULL,      -- MAC of what was tried: a person, or an address that nobody has
  owner BYTEA NOT NULL,        -- her tenant; zero where nobody has the address
  person BYTEA NOT NULL,
  kind TEXT NOT NULL,          -- of the lock: password, invitation
  times BIGINT NOT NULL,
  earliest BIGINT NOT NULL,
  latest BIGINT NOT NULL,
  PRIMARY KEY (tenant, began, account)
);
CREATE INDEX identity_attempt_owner ON identity_attempt (tenant, owner, began);
CREATE TABLE identity_person (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  email TEXT NOT NULL,
  holder BYTEA NOT NULL,
  role TEXT NOT NULL,
  state TEXT NOT NULL,         -- invited, active, removed
  made_by BYTEA NOT NULL,      -- who invited or reset the account last
  made_at BIGINT NOT NULL,
  invited_until BIGINT NOT NULL,
  raised_by BYTEA NOT NULL,    -- who gave the role administrator last; zero for nobody
  raised_at BIGINT NOT NULL,
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
-- Who was removed may be invited again, as another person with another holder.
CREATE UNIQUE INDEX identity_person_email ON identity_person (tenant, email) WHERE state <> 'removed';
CREATE TABLE identity_address (
  tenant BYTEA NOT NULL,
  address TEXT NOT NULL,
  person BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  id BYTEA NOT NULL,           -- of the entry of kind holders
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,
  PRIMARY KEY (tenant, address, person)
);
CREATE TABLE identity_request (
  tenant BYTEA NOT NULL,
  id BYTEA NOT NULL,
  person BYTEA NOT NULL,       -- for whom
  requester BYTEA NOT NULL,
  kind TEXT NOT NULL,          -- role, address
  value TEXT NOT NULL,
  state TEXT NOT NULL,         -- open, approved, rejected, withdrawn
  created BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  decided_by BYTEA NOT NULL,
  salt BYTEA NOT NULL,
  entered BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
-- Who asks for the same again hears that she did.
CREATE UNIQUE INDEX identity_request_open ON identity_request (tenant, person, requester, kind, value) WHERE state = 'open';
