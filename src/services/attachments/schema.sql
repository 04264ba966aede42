-- What people attached, for SQLite, PostgreSQL and Citus alike. The bytes are files; @see docs/attachments.md
CREATE TABLE attachment (
  bucket BIGINT NOT NULL,      -- of the person
  person_id BIGINT NOT NULL,
  attachment_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  kind BIGINT NOT NULL,        -- 0 pdf, 1 jpeg, 2 png
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,        -- hexadecimal: the file's name
  scan BIGINT NOT NULL,        -- 0 clean, 1 infected (its file is gone), 2 waiting
  at BIGINT NOT NULL,
  PRIMARY KEY (bucket, person_id, attachment_id)
) {without_rowid};
CREATE INDEX attachment_content ON attachment (sha256);

-- What something is still to be done for: scanned, or dropped unless a case names it.
CREATE TABLE attachment_open (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  attachment_id BIGINT NOT NULL,
  at BIGINT NOT NULL,          -- when it is looked at
  waiting BIGINT NOT NULL,     -- 1: for the scanner
  PRIMARY KEY (bucket, person_id, attachment_id)
) {without_rowid};
CREATE INDEX attachment_open_at ON attachment_open (waiting, at);
