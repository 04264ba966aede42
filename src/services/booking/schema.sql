-- Appointments, for SQLite, PostgreSQL and Citus alike. Instants are microseconds of UTC.

-- Who has a time; the latest of a case. A cancelled one stays, so that its place in a calendar program is kept.
CREATE TABLE booking (
  bucket BIGINT NOT NULL,      -- of the person
  person_id BIGINT NOT NULL,
  case_id BIGINT NOT NULL,
  calendar TEXT NOT NULL,
  at BIGINT NOT NULL,
  state BIGINT NOT NULL,       -- 0 booked, 1 came, 2 missed, 3 cancelled
  changes BIGINT NOT NULL,     -- how often it was changed since it was first booked
  changed BIGINT NOT NULL,     -- when it last was; of whom came: when
  PRIMARY KEY (bucket, person_id, case_id)
) {without_rowid};
CREATE INDEX booking_of_day ON booking (calendar, at);

-- How many have a time. One row a slot: whoever books raises it, if there is room, in the same statement.
CREATE TABLE booking_slot (
  calendar TEXT NOT NULL,
  at BIGINT NOT NULL,
  taken BIGINT NOT NULL,
  PRIMARY KEY (calendar, at)
) {without_rowid};

-- What came of a civil day's bookings: by this it is known how many don't come.
CREATE TABLE booking_outcome (
  calendar TEXT NOT NULL,
  day BIGINT NOT NULL,         -- days since 1970
  came BIGINT NOT NULL,
  missed BIGINT NOT NULL,
  PRIMARY KEY (calendar, day)
) {without_rowid};
