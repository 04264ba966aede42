-- Rows that a decision at once wrote at a random place each, now at the end of something or not at all.
--
-- begun: the actor and the events of the change that made the case; '' of cases from before, whose first events stand in
-- case_events like all others. sought: what the case's number is found by (case_numbers.hpp), in order of time; NULL where
-- somebody chose the number.
ALTER TABLE cases ADD COLUMN begun TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN sought BIGINT;
DROP INDEX cases_by_number;
CREATE INDEX cases_by_number ON cases (case_id) WHERE sought IS NULL;
CREATE INDEX cases_sought ON cases (sought) WHERE sought IS NOT NULL;
