-- Of long permits who has one is told before it ends. Short ones, which are nearly all, cost nothing here.
CREATE INDEX permits_long ON permits (valid_until) WHERE revoked IS NULL AND valid_until - valid_from >= 259200000000;
