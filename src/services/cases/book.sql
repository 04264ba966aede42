-- Every version of every service that was ever submitted, with the file as it was uploaded. Rows are never deleted.
-- Instants are microseconds of UTC; state as ServiceState counts; acts: how often its standing has changed since. On a
-- sharded database this is a reference table: it is small and read by all.
CREATE TABLE service_version (
  code TEXT NOT NULL,
  version BIGINT NOT NULL,
  source TEXT NOT NULL,
  state BIGINT NOT NULL,
  submitted_by TEXT NOT NULL,
  submitted BIGINT NOT NULL,
  published_by TEXT,
  published BIGINT,
  because_az TEXT,
  because_en TEXT,
  because_ru TEXT,
  acts BIGINT NOT NULL,
  PRIMARY KEY (code, version)
) {without_rowid};
