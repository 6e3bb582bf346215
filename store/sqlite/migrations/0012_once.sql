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

-- What only Belfry knows of a schedule, JSON; NULL is nothing.
ALTER TABLE schedules ADD COLUMN settings TEXT;

-- Claims of once_per: who may deliver, or has delivered, in a window.
CREATE TABLE once (
  key        BLOB PRIMARY KEY, -- identifies subject, window and value
  holder     TEXT NOT NULL,    -- id of the run, or of the event's request
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX once_holder ON once (holder);
CREATE INDEX once_expiry ON once (expires_at);
