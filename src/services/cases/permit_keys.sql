-- The keys that sign permits, for SQLite, PostgreSQL and Citus alike. One row a key, for ever: an inspector's list names
-- it as long as a permit that it signed lives, and for ever if it was withdrawn.
--
-- key_id: hexadecimal, as in tokens. sealed: the private key under the master key, empty once it signs no more.
-- active_from: since or from when it signs; NULL: it stands by. retired: since when it signs no more. last_until: the end
-- of the last permit that it signed. signed_again: 1 once a withdrawn key's live permits have another's signature.

CREATE TABLE permit_keys (
  number BIGINT NOT NULL,
  key_id TEXT NOT NULL,
  public_key {blob} NOT NULL,
  sealed {blob} NOT NULL,
  created BIGINT NOT NULL,
  active_from BIGINT,
  retired BIGINT,
  last_until BIGINT,
  withdrawn BIGINT,
  signed_again BIGINT NOT NULL,
  PRIMARY KEY (number)
) {without_rowid};
