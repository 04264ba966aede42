-- Digital IDs, for SQLite, PostgreSQL and Citus alike. Rows of a person start their key with `bucket` (person id mod
-- 256). Instants are microseconds of UTC; an open end or "never" is NULL.

CREATE TABLE digital_id (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  state BIGINT NOT NULL,          -- 0 active, 1 suspended, 2 closed
  state_before BIGINT NOT NULL,   -- of a closed one: what it was, should the registry take the death back
  enrolment BIGINT NOT NULL,
  created BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  language BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id)
) {without_rowid};

-- One row each, whatever its kind, so that a sign-in reads one range and writes one row.
--   credential: a passkey's id, a card's fingerprint   public_key: COSE_Key of a passkey or phone
--   counter: signCount of a passkey, last step of an app's codes   flags: of a passkey, 1 UV 2 BE 4 BS
--   detail: a passkey's transports, an SMS number, a phone's push address   secret: sealed
--   bound: what was proved when it was added; assurance is that or the kind's worth, the lower
--   added_by: the activation that added it in a recovery   ends: it was declared lost
CREATE TABLE authenticator (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  authenticator_id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  name TEXT NOT NULL,
  added BIGINT NOT NULL,
  used BIGINT,
  active_from BIGINT,
  ends BIGINT,
  worth BIGINT NOT NULL,
  bound BIGINT NOT NULL,
  added_by BIGINT,
  credential {blob},
  public_key {blob},
  counter BIGINT NOT NULL,
  flags BIGINT NOT NULL,
  attestation BIGINT NOT NULL,
  aaguid {blob},
  detail TEXT NOT NULL,
  secret {blob},
  failures BIGINT NOT NULL,
  paused_until BIGINT,
  PRIMARY KEY (bucket, person_id, authenticator_id)
) {without_rowid};

-- A passkey belongs to one account (WebAuthn section 7.1 step 22). Key: SHA-256 of its id.
CREATE TABLE passkey_owner (
  credential_hash {blob} NOT NULL PRIMARY KEY,
  person_id BIGINT NOT NULL
) {without_rowid};

-- Proofs of who somebody is, each for one registration of an authenticator: a code by SMS or letter or at a counter,
-- or a card that was shown. Somebody unknown to the registry has such rows too: asking for a code costs the same.
CREATE TABLE activation (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  activation_id BIGINT NOT NULL,
  enrolment BIGINT NOT NULL,
  mac {blob} NOT NULL,
  issued BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  attempts_left BIGINT NOT NULL,
  stage BIGINT NOT NULL,          -- 0 waiting, 1 used, 2 used up
  number TEXT NOT NULL,           -- where a code by SMS went
  issued_by TEXT NOT NULL,        -- "self", or the official's actor
  PRIMARY KEY (bucket, person_id, activation_id)
) {without_rowid};
CREATE INDEX activation_expires ON activation (expires);

-- How often codes were asked for or typed for a person, in windows of a day; whether or not there is such a person.
CREATE TABLE activation_count (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  what BIGINT NOT NULL,           -- 0 asked for by oneself, 1 typed
  window_start BIGINT NOT NULL,
  counted BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, what)
) {without_rowid};
CREATE INDEX activation_count_window ON activation_count (window_start);

-- What a recovery did, so that the real owner can take it back.
CREATE TABLE recovery (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  recovery_id BIGINT NOT NULL,
  undo_hash {blob},               -- SHA-256 of the token in the notices; NULL: can't be taken back by link
  done BIGINT NOT NULL,
  undo_until BIGINT NOT NULL,
  lost BIGINT NOT NULL,           -- the authenticator that is gone, 0 if none was named
  enrolment_before BIGINT NOT NULL,
  enrolment_after BIGINT NOT NULL,
  undone BIGINT,
  PRIMARY KEY (bucket, person_id, recovery_id)
) {without_rowid};
CREATE INDEX recovery_undo_until ON recovery (undo_until);

CREATE TABLE relation (
  bucket BIGINT NOT NULL,         -- of the holder
  person_id BIGINT NOT NULL,      -- the holder
  relation_id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  principal BIGINT NOT NULL,      -- 0 for a representative
  organisation TEXT NOT NULL,
  scope TEXT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_until BIGINT,
  ended BIGINT,
  recorded BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, relation_id)
) {without_rowid};

-- The same from the other side: who acts for a person.
CREATE TABLE relation_of_principal (
  bucket BIGINT NOT NULL,         -- of the principal
  person_id BIGINT NOT NULL,      -- the principal
  relation_id BIGINT NOT NULL,
  holder BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, relation_id)
) {without_rowid};

-- And of an organisation's representatives.
CREATE TABLE relation_of_organisation (
  organisation TEXT NOT NULL,
  relation_id BIGINT NOT NULL,
  holder BIGINT NOT NULL,
  PRIMARY KEY (organisation, relation_id)
) {without_rowid};

-- Messages that wait to be sent; receiver and text are sealed.
CREATE TABLE message (
  queued BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  channel BIGINT NOT NULL,
  until_at BIGINT,
  sealed {blob} NOT NULL,
  PRIMARY KEY (queued, message_id)
) {without_rowid};
