-- Log groups; their streams and events are in logs.db. Numbers are not used
-- again: what a group that was deleted has left there must not show up in another.
CREATE TABLE log_groups (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    TEXT NOT NULL,
  region     TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL, -- UTC milliseconds
  retention  INTEGER NOT NULL, -- days; 0: the server's default
  tags       TEXT,             -- JSON; NULL: none
  UNIQUE (account, region, name)
);
