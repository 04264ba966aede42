-- Notices about cases, for SQLite, PostgreSQL and Citus alike. Their texts wait among the answers (sms_replies); here stands
-- for some days that they were given out, under an id that follows from what they were about: the same is never told twice.

CREATE TABLE sms_notices (
  bucket BIGINT NOT NULL,
  notice_id BIGINT NOT NULL,
  told BIGINT NOT NULL,
  PRIMARY KEY (bucket, notice_id)
) {without_rowid};
CREATE INDEX sms_notices_told ON sms_notices (told);

-- Who wants none.
CREATE TABLE sms_notices_off (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id)
) {without_rowid};
