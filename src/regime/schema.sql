-- Every version of every regime that was ever submitted, with the file as it was uploaded. Rows are never deleted.
-- Instants are microseconds of UTC. On a sharded database this is a reference table: it is small and read by all.
CREATE TABLE regime_version (
  code TEXT NOT NULL,
  version BIGINT NOT NULL,
  source TEXT NOT NULL,
  submitted_by TEXT NOT NULL,
  submitted BIGINT NOT NULL,
  approved_by TEXT,
  approved BIGINT,
  superseded BIGINT,
  ended_by TEXT,
  ended BIGINT,
  PRIMARY KEY (code, version)
) {without_rowid};
