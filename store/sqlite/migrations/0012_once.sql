-- Times are UTC milliseconds.

-- Locks of jobs that run elsewhere. A row whose time is over means nothing.
CREATE TABLE locks (
  account     TEXT NOT NULL,
  key         TEXT NOT NULL,
  owner       TEXT NOT NULL,
  token       INTEGER NOT NULL,
  acquired_at INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) WITHOUT ROWID;

CREATE INDEX locks_expiry ON locks (expires_at);

-- The last token that a lock was given.
INSERT INTO meta VALUES ('lock_token', 0);
