-- Cases, what happened to them, permits and drafts, for SQLite, PostgreSQL and Citus alike.
--
-- Keys begin with `bucket` (person id mod 256). Instants are microseconds of UTC; offices are numbers of the table
-- organisation; `due`, `office` and `decided` are NULL where there is none. Deadlines and queues are no tables of their
-- own but indexes over the few cases that have one: a case and its deadline can't disagree.

CREATE TABLE cases (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  service TEXT NOT NULL,
  version BIGINT NOT NULL,
  channel BIGINT NOT NULL,
  state BIGINT NOT NULL,
  step BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  events BIGINT NOT NULL,
  submitted BIGINT NOT NULL,
  promised BIGINT NOT NULL,
  decided BIGINT,
  due BIGINT,
  office BIGINT,
  claimed_by TEXT NOT NULL,
  escalated BIGINT NOT NULL,
  appeals BIGINT NOT NULL,
  permit BIGINT NOT NULL,
  answers TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, case_id)
) {without_rowid};
CREATE INDEX cases_by_number ON cases (case_id);
CREATE INDEX cases_due ON cases (due) WHERE due IS NOT NULL;
CREATE INDEX cases_queue ON cases (office, promised) WHERE office IS NOT NULL;
CREATE INDEX cases_open ON cases (service, version) WHERE decided IS NULL;

-- One row for each change: all events that it caused, from `number` on.
CREATE TABLE case_events (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  events TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, case_id, number)
) {without_rowid};

CREATE TABLE permits (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  permit_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  service TEXT NOT NULL,
  kind TEXT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_until BIGINT NOT NULL,
  revoked BIGINT,
  regime TEXT,
  regime_version BIGINT NOT NULL,
  token {blob} NOT NULL,
  PRIMARY KEY (bucket, person_id, permit_id)
) {without_rowid};
CREATE INDEX permits_of_regime ON permits (regime, valid_until) WHERE regime IS NOT NULL AND revoked IS NULL;
CREATE INDEX permits_revoked ON permits (valid_until) WHERE revoked IS NOT NULL;

CREATE TABLE case_drafts (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  service TEXT NOT NULL,
  case_id BIGINT NOT NULL,
  answers TEXT NOT NULL,
  saved BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, service)
) {without_rowid};

-- By civil day of the country: submissions by theirs, decisions by theirs.
CREATE TABLE services_days (
  service TEXT NOT NULL,
  day BIGINT NOT NULL,
  submitted BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  late BIGINT NOT NULL,
  seconds_to_answer BIGINT NOT NULL,
  PRIMARY KEY (service, day)
) {without_rowid};
