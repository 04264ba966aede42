-- Batches as the operators' edges signed them, each stored once, and what they add up to. Rows of batches are never
-- changed or deleted. Instants are microseconds of UTC, days are counted from 1970. Keyed by operator: small tables.
CREATE TABLE settlement_batch (
  operator TEXT NOT NULL,
  edge TEXT NOT NULL,
  number BIGINT NOT NULL,
  created BIGINT NOT NULL,
  stored BIGINT NOT NULL,
  last_record BIGINT NOT NULL,
  content {blob} NOT NULL,
  PRIMARY KEY (operator, edge, number)
);

-- `units` of one benefit of one measure on one civil day, of all edges of an operator together.
CREATE TABLE settlement_sum (
  operator TEXT NOT NULL,
  month BIGINT NOT NULL,
  day BIGINT NOT NULL,
  measure BIGINT NOT NULL,
  benefit BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  unit BIGINT NOT NULL,
  traffic_class TEXT NOT NULL,
  units BIGINT NOT NULL,
  requests BIGINT NOT NULL,
  orphans BIGINT NOT NULL,
  PRIMARY KEY (operator, month, day, measure, benefit, kind, unit, traffic_class)
) {without_rowid};
