-- What the pages of e-services keep by themselves, for SQLite, PostgreSQL and Citus alike.

-- How often each question of a service was shown to somebody and answered, by civil day: where people stop. Nothing
-- says who.
CREATE TABLE service_questions (
  service TEXT NOT NULL,
  day BIGINT NOT NULL,       -- days since 1970, in the country's zone
  field TEXT NOT NULL,       -- "" is the page that begins, "*" the page that sends
  shown BIGINT NOT NULL,
  answered BIGINT NOT NULL,
  PRIMARY KEY (service, day, field)
) {without_rowid};

-- An official who fills in with the person beside them: for whom, why, since when. Short-lived.
CREATE TABLE service_assist (
  assist_id BIGINT NOT NULL PRIMARY KEY,
  official_id BIGINT NOT NULL,  -- the official's own person id: nobody else goes on with it
  relation TEXT NOT NULL,       -- actor as the audit log names them
  organisation TEXT NOT NULL,
  person_id BIGINT NOT NULL,
  reason TEXT NOT NULL,
  started BIGINT NOT NULL
) {without_rowid};
CREATE INDEX service_assist_started ON service_assist (started);
