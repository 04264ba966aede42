-- Sessions and what signing in needs, for SQLite, PostgreSQL and Citus alike.
--
-- Keys start with `bucket` (person id mod 256; of a limit: its subject mod 256). Instants are microseconds of UTC,
-- `seen` is seconds. Rows go when they are over; none is kept as history.

-- A row stays ten minutes after its end, so that what may be used once can't make the same session again.
CREATE TABLE identity_session (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  token {blob} NOT NULL,
  acting_for BIGINT NOT NULL,
  authenticated BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  authenticator BIGINT NOT NULL,
  methods BIGINT NOT NULL,
  assurance BIGINT NOT NULL,
  ended BIGINT,
  PRIMARY KEY (bucket, person_id, session_id)
) {without_rowid};

-- What may be used once and makes no session: the proof of a step-up.
CREATE TABLE identity_spent (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  spent_id BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, spent_id)
) {without_rowid};
CREATE INDEX identity_spent_over ON identity_spent (until_at);

-- A code that was sent: as an HMAC, for one attempt at signing in.
CREATE TABLE identity_sent_code (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  attempt_id BIGINT NOT NULL,
  mac {blob} NOT NULL,
  session_hash {blob} NOT NULL,
  expires BIGINT NOT NULL,
  attempts_left BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, attempt_id)
) {without_rowid};
CREATE INDEX identity_sent_code_over ON identity_sent_code (expires);

-- What waits for somebody's confirmation on their phone or page.
CREATE TABLE identity_confirmation (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  confirmation_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  stage BIGINT NOT NULL,          -- 0 waiting, 1 confirmed, 2 denied, 3 used
  asked BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  client TEXT NOT NULL,
  network TEXT NOT NULL,
  authenticator BIGINT NOT NULL,  -- what confirmed it, and what it is worth; 0 before
  assurance BIGINT NOT NULL,
  proved BIGINT NOT NULL,         -- when the person last proved to whatever confirmed it who they are
  PRIMARY KEY (bucket, person_id, confirmation_id)
) {without_rowid};
CREATE INDEX identity_confirmation_over ON identity_confirmation (expires);

-- Wrong codes and sent messages, counted by person, by client and by network, in windows of time. What is
-- counted is a hash; only failures and messages write here.
CREATE TABLE identity_limit (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  window_end BIGINT NOT NULL,
  counted BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject, kind)
) {without_rowid};
CREATE INDEX identity_limit_over ON identity_limit (window_end);
