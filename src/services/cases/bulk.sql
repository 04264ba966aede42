-- Lists of employees that organisations send for permits, for SQLite, PostgreSQL and Citus alike. Instants are
-- microseconds of UTC.

-- A list of employees that an organisation sent for permits.
CREATE TABLE employee_list (
  list_id BIGINT NOT NULL,
  organisation TEXT NOT NULL,
  service TEXT NOT NULL,
  actor TEXT NOT NULL,
  made BIGINT NOT NULL,
  state BIGINT NOT NULL,      -- 0 being read, 1 checked, 2 being submitted, 3 done, 4 dropped
  renews BIGINT NOT NULL,     -- the list that it renews, or 0
  renewed_by BIGINT NOT NULL, -- the list that renewed it, or 0
  name TEXT NOT NULL,         -- of the file
  next_line BIGINT NOT NULL,  -- submitted up to here
  PRIMARY KEY (list_id)
) {without_rowid};
CREATE INDEX employee_list_of ON employee_list (organisation, made);
CREATE INDEX employee_list_state ON employee_list (state, made);

CREATE TABLE employee_row (
  list_id BIGINT NOT NULL,
  line BIGINT NOT NULL,        -- of the file
  person_id BIGINT NOT NULL,   -- 0: nobody is known by what stands there
  case_id BIGINT NOT NULL,     -- follows from list and person; 0: none
  national_id TEXT NOT NULL,   -- as it was written
  answers TEXT NOT NULL,       -- canonical JSON by field
  state BIGINT NOT NULL,       -- 0 ready, 1 at fault, 2 submitted, 3 refused
  fault TEXT NOT NULL,         -- what is wrong with it: a code
  field TEXT NOT NULL,         -- the column at fault
  other_line BIGINT NOT NULL,  -- of a duplicate: where the person stands first
  PRIMARY KEY (list_id, line)
) {without_rowid};
