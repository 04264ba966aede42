-- What officials note beside a case, and what persons thought of how they were served. Keys begin with `bucket`
-- (person id mod 256). Instants are microseconds of UTC.

CREATE TABLE case_note (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  noted BIGINT NOT NULL,
  actor TEXT NOT NULL,
  words TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, case_id, noted, actor)
) {without_rowid};

-- One for each case, the last one given.
CREATE TABLE case_ratings (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  service TEXT NOT NULL,
  rated BIGINT NOT NULL,
  score BIGINT NOT NULL,      -- 1 (bad) to 5 (good)
  words TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, case_id)
) {without_rowid};
CREATE INDEX case_ratings_of_service ON case_ratings (service, rated);
