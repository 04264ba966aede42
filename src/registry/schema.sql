-- The registry's tables, for SQLite, PostgreSQL and Citus alike.
--
-- Person-keyed tables start their key with `bucket` (person id mod 256); all of a person's rows lie side by side.
-- Codes are stored as numbers of the tables status, place and organisation, which are given once and never reused:
-- reordering the country pack changes nothing. Instants are microseconds of UTC, dates days since 1970. An open end
-- (valid_until, ended, expires) is NULL. subscription_number holds the latest subscription of each number with each
-- operator.

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE status (
  number BIGINT NOT NULL PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
);

CREATE TABLE place (
  number BIGINT NOT NULL PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
);

CREATE TABLE organisation (
  number BIGINT NOT NULL PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  name_az TEXT NOT NULL,
  name_en TEXT NOT NULL,
  name_ru TEXT NOT NULL,
  issues TEXT NOT NULL
);

CREATE TABLE api_key (
  key_id BIGINT NOT NULL PRIMARY KEY,
  organisation BIGINT NOT NULL,
  name TEXT NOT NULL,
  hash {blob} NOT NULL,
  scopes BIGINT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT,
  revoked BIGINT
);

CREATE TABLE import_job (
  job TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  started BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  finished BIGINT,
  chunk_rows BIGINT NOT NULL,
  read_to BIGINT NOT NULL,
  next_line BIGINT NOT NULL,
  chain {blob} NOT NULL,
  recorded BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  unchanged BIGINT NOT NULL,
  rejected BIGINT NOT NULL
);

CREATE TABLE person (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  national_id TEXT NOT NULL,
  family_name TEXT NOT NULL,
  given_name TEXT NOT NULL,
  sex BIGINT NOT NULL,
  birth BIGINT NOT NULL,
  death BIGINT,
  place BIGINT NOT NULL,
  place_since BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id)
) {without_rowid};

CREATE TABLE residence_history (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  place BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, from_at)
) {without_rowid};

CREATE TABLE attestation (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  attestation_id BIGINT NOT NULL,
  status BIGINT NOT NULL,
  issuer BIGINT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_until BIGINT,
  recorded BIGINT NOT NULL,
  ended BIGINT,
  PRIMARY KEY (bucket, person_id, attestation_id)
) {without_rowid};

CREATE TABLE subscription (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  provider BIGINT NOT NULL,
  number TEXT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_until BIGINT,
  PRIMARY KEY (bucket, person_id, kind, provider, number, valid_from)
) {without_rowid};

CREATE TABLE subscription_number (
  kind BIGINT NOT NULL,
  number TEXT NOT NULL,
  provider BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_until BIGINT,
  PRIMARY KEY (kind, number, provider)
) {without_rowid};
