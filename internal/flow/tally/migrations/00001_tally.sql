-- +goose Up
-- What came in by each source in each hour. Rows are added up until they are entered in the audit log.
CREATE TABLE tally_hour (
  tenant BYTEA NOT NULL,
  source TEXT NOT NULL,        -- id of a registered source, or the name of a door
  hour BIGINT NOT NULL,        -- its beginning, in seconds since 1970
  accepted BIGINT NOT NULL,    -- messages that were sealed
  refs BIGINT NOT NULL,        -- retries that were recognised
  octets BIGINT NOT NULL,      -- of the messages
  stored BIGINT NOT NULL,      -- of what was sealed of them
  reports BIGINT NOT NULL,     -- messages that came in journal reports
  undecodable BIGINT NOT NULL, -- reports that were kept as they came
  r_auth BIGINT NOT NULL,      -- refused, by reason
  r_recipient BIGINT NOT NULL,
  r_policy BIGINT NOT NULL,
  r_size BIGINT NOT NULL,
  r_room BIGINT NOT NULL,
  r_later BIGINT NOT NULL,
  earliest BIGINT NOT NULL,    -- arrival in the hour; 0 for none
  latest BIGINT NOT NULL,
  gap BIGINT NOT NULL,         -- the longest between two arrivals within the hour
  leaf_from BIGINT NOT NULL,   -- in the message log, of the groups that are counted here; -1 for none
  leaf_to BIGINT NOT NULL,
  id BYTEA NOT NULL,           -- of the entry; with salt and at empty and 0 until then
  salt BYTEA NOT NULL,
  at BIGINT NOT NULL,
  leaf BIGINT NOT NULL,        -- of the entry in the audit log; -1 until then
  PRIMARY KEY (tenant, source, hour)
);
CREATE INDEX tally_hour_open ON tally_hour (tenant, hour) WHERE leaf < 0;
