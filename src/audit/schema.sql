-- The audit log. One stream of entries under one Merkle tree: on a sharded database these tables stay on one node.

CREATE TABLE audit_entry (
  idx BIGINT NOT NULL PRIMARY KEY,
  leaf TEXT NOT NULL,
  bucket BIGINT,
  person_id BIGINT,
  salt {blob},
  personal TEXT
) {without_rowid};

-- Entries about a person, newest first.
CREATE INDEX audit_entry_person ON audit_entry (bucket, person_id, idx) WHERE person_id IS NOT NULL;

-- Full tiles of 256 hashes, as c2sp.org/tlog-tiles names them.
CREATE TABLE audit_tile (
  level BIGINT NOT NULL,
  idx BIGINT NOT NULL,
  hashes {blob} NOT NULL,
  PRIMARY KEY (level, idx)
);

-- One row: the signed checkpoint of the whole, and the leaf hashes that fill no tile yet.
CREATE TABLE audit_head (
  id BIGINT NOT NULL PRIMARY KEY,
  note TEXT NOT NULL,
  tail {blob} NOT NULL
);
