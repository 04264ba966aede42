-- Messages by SMS and their answers, for SQLite, PostgreSQL and Citus alike. One row a message: what is remembered of it
-- (so that the gateway's retry is the same message) and the answer that waits to be sent.
--
-- Keys begin with `bucket` (sender mod 256). `sender` and `message_id` are keyed hashes: no number stands here in the
-- clear. `sealed` holds receiver and text under the master key until it was sent. state: 0 waits, 1 is being sent,
-- 2 sent, 3 too late, 4 has no answer (the sender is over its limit and was told).

CREATE TABLE sms_messages (
  bucket BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  sender BIGINT NOT NULL,
  received BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  state BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  doubled BIGINT NOT NULL,
  sealed {blob} NOT NULL,
  PRIMARY KEY (bucket, message_id)
) {without_rowid};

-- What a number has asked for on its latest civil day. persons: ids, 8 bytes each, little-endian.
CREATE TABLE sms_senders (
  bucket BIGINT NOT NULL,
  sender BIGINT NOT NULL,
  day BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  strangers BIGINT NOT NULL,
  told BIGINT NOT NULL,
  persons {blob} NOT NULL,
  PRIMARY KEY (bucket, sender)
) {without_rowid};
