-- What the authorization endpoint keeps: consents, requests under way, and what clients have still to be told.

-- What a person has agreed that a client learns. Withdrawn: the row goes, the audit entries stay.
CREATE TABLE identity_consent (
  bucket BIGINT NOT NULL,
  person BIGINT NOT NULL,
  client TEXT NOT NULL,
  acting_for BIGINT NOT NULL,   -- 0: themselves
  scopes TEXT NOT NULL,         -- names with a space between them
  claims TEXT NOT NULL,         -- asked for by the claims parameter, and agreed to
  left_out TEXT NOT NULL,       -- asked for, and refused: not asked anew
  given_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, person, client, acting_for)
) {without_rowid};
CREATE INDEX identity_consent_by_until ON identity_consent (until_at);

-- Pushed authorization requests (RFC 9126), by the SHA-256 of their request_uri's random part. Used: deleted.
CREATE TABLE identity_pushed (
  id {blob} NOT NULL,
  client TEXT NOT NULL,
  request {blob} NOT NULL,      -- sealed
  until_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};
CREATE INDEX identity_pushed_by_until ON identity_pushed (until_at);

-- The device flow (RFC 8628), by the SHA-256 of the device code. state: 0 pending, 1 granted, 2 refused, 3 used.
CREATE TABLE identity_device (
  id {blob} NOT NULL,
  user_code TEXT NOT NULL,      -- without its dash
  client TEXT NOT NULL,
  scopes TEXT NOT NULL,
  state BIGINT NOT NULL,
  interval_s BIGINT NOT NULL,
  polled_at BIGINT NOT NULL,
  person BIGINT NOT NULL,       -- who decided, 0 before
  decision {blob},              -- the grant, once there is one
  until_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};
CREATE UNIQUE INDEX identity_device_by_user_code ON identity_device (user_code);
CREATE INDEX identity_device_by_until ON identity_device (until_at);

-- CIBA, by the SHA-256 of auth_req_id. person 0: there is no such person, and nobody will decide.
CREATE TABLE identity_ciba (
  id {blob} NOT NULL,
  person BIGINT NOT NULL,
  client TEXT NOT NULL,
  scopes TEXT NOT NULL,
  binding_message TEXT NOT NULL,
  wanted BIGINT NOT NULL,       -- level of assurance
  state BIGINT NOT NULL,        -- as in identity_device
  interval_s BIGINT NOT NULL,
  polled_at BIGINT NOT NULL,
  decision {blob},
  ping {blob},                  -- sealed: auth_req_id and the client's notification token
  until_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};
CREATE INDEX identity_ciba_by_person ON identity_ciba (person, client);
CREATE INDEX identity_ciba_by_until ON identity_ciba (until_at);

-- Whom a client means by a subject (id_token_hint of CIBA): SHA-256 of client and sub. Of clients that may ask so alone,
-- since a pairwise subject says nothing about the person.
CREATE TABLE identity_ciba_subject (
  id {blob} NOT NULL,
  person BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};

-- Which clients had tokens in a session and want to hear of its end.
CREATE TABLE identity_session_client (
  bucket BIGINT NOT NULL,
  person BIGINT NOT NULL,
  session BIGINT NOT NULL,
  client TEXT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, person, session, client)
) {without_rowid};
CREATE INDEX identity_session_client_by_until ON identity_session_client (until_at);

-- What has to be sent to clients: logout tokens (kind 0) and CIBA pings (kind 1).
CREATE TABLE identity_back_channel (
  id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  client TEXT NOT NULL,
  person BIGINT NOT NULL,
  session BIGINT NOT NULL,
  payload {blob},               -- sealed, of a ping
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};
CREATE INDEX identity_back_channel_by_next ON identity_back_channel (next_at);

-- How often something was tried within an hour: CIBA requests about a person, messages to one.
CREATE TABLE identity_tries (
  id {blob} NOT NULL,
  tries BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) {without_rowid};
CREATE INDEX identity_tries_by_until ON identity_tries (until_at);
