-- What persons say is wrong in their record, and what officials answered. Texts are sealed.
--   state: 0 open, 1 corrected, 2 declined
CREATE TABLE identity_correction (
  correction_id BIGINT NOT NULL PRIMARY KEY,
  person_id BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  state BIGINT NOT NULL,
  words {blob} NOT NULL,
  answer {blob},
  answered BIGINT
) {without_rowid};
CREATE INDEX identity_correction_by_state ON identity_correction (state, asked);
CREATE INDEX identity_correction_by_person ON identity_correction (person_id, asked);
