-- The OpenID Provider's clients and grants, for SQLite, PostgreSQL and Citus alike.
--
-- A grant is one row: its code, its refresh tokens and its access tokens all say where it lies (handles.hpp), so that
-- none of them needs a row or an index of its own. Instants are microseconds of UTC; NULL: it hasn't happened.

CREATE TABLE oidc_client (
  client_id TEXT NOT NULL PRIMARY KEY,
  content TEXT NOT NULL,
  secret {blob} NOT NULL,
  created BIGINT NOT NULL,
  ended BIGINT
);

-- code_until: until when its code may be redeemed (0: it has none). generation: how often a refresh token was issued.
CREATE TABLE oidc_grant (
  bucket BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  grant_id BIGINT NOT NULL,
  client_id TEXT NOT NULL,
  session_id BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  ended BIGINT,
  redeemed BIGINT,
  code_until BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  rotated BIGINT NOT NULL,
  jkt TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (bucket, person_id, grant_id)
) {without_rowid};

-- Grants and access tokens that are worth nothing any more, until the last token that stands on them expires.
CREATE TABLE oidc_revoked (
  id BIGINT NOT NULL PRIMARY KEY,
  until_at BIGINT NOT NULL
);
