-- Messages from version 2 on. What a message was stands with its sender, whose row is read and written for each message
-- anyway; an answer's row lives only until it was sent. Before, one wide row a message at a random place was written three
-- times and kept for two days.

-- Answers on their way, in the order in which they came, so that rows are added at one end and taken away at the other.
-- `sealed` holds receiver and text under the master key. state: 0 waits, 1 is being sent, 2 sent, 3 too late. Of the latter
-- two only what somebody may ask about stays for a while, without its text: what was too late, and what may have been sent
-- twice (`doubled`).
CREATE TABLE sms_replies (
  received BIGINT NOT NULL,
  bucket BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  state BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  doubled BIGINT NOT NULL,
  sealed {blob} NOT NULL,
  PRIMARY KEY (received, bucket, message_id)
) {without_rowid};

INSERT INTO sms_replies (received, bucket, message_id, state, until_at, doubled, sealed)
  SELECT received, bucket, message_id, state, until_at, doubled, sealed FROM sms_messages
  WHERE state < 2 OR state = 3 OR (state = 2 AND doubled = 1);

-- A sender's messages of the last days, "id minute outcome;" of each: the gateway's retry is known by it.
ALTER TABLE sms_senders ADD COLUMN latest TEXT NOT NULL DEFAULT '';

UPDATE sms_senders SET latest = said.latest
  FROM (SELECT bucket, sender,
               {concat}(message_id || ' ' || (received / 60000000) || ' ' || outcome || ';', '') AS latest
        FROM sms_messages GROUP BY bucket, sender) AS said
  WHERE sms_senders.bucket = said.bucket AND sms_senders.sender = said.sender;

DROP TABLE sms_messages;
