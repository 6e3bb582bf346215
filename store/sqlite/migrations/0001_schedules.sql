-- Times are UTC milliseconds unless a column says seconds; 0 is "not set".
-- Every key that holds a schedule's id holds its shard: the id's lowest six bits.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO meta VALUES ('epoch', 0), ('created', CAST(unixepoch('subsec') * 1000 AS INTEGER));

CREATE TABLE schedules (
  id           INTEGER PRIMARY KEY,
  account      TEXT NOT NULL,
  region       TEXT NOT NULL,
  grp          TEXT NOT NULL,
  name         TEXT NOT NULL,
  revision     INTEGER NOT NULL,
  state        INTEGER NOT NULL, -- 0 enabled, 1 disabled
  description  TEXT NOT NULL,
  expression   TEXT NOT NULL,
  timezone     TEXT NOT NULL,
  start_at     INTEGER NOT NULL,
  end_at       INTEGER NOT NULL,
  window       INTEGER NOT NULL, -- milliseconds
  anchor_at    INTEGER NOT NULL,
  delete_after INTEGER NOT NULL,
  kms_key      TEXT NOT NULL,
  target       TEXT NOT NULL,
  role         TEXT NOT NULL,
  input        TEXT NOT NULL,
  dead_letter  TEXT NOT NULL,
  max_age      INTEGER NOT NULL, -- milliseconds
  max_attempts INTEGER NOT NULL,
  retry_set    INTEGER NOT NULL, -- 1 when the client set a retry policy
  parameters   BLOB,             -- JSON
  created_at   INTEGER NOT NULL,
  modified_at  INTEGER NOT NULL,
  since_at     INTEGER NOT NULL
);

CREATE UNIQUE INDEX schedules_name ON schedules (account, region, grp, name);

CREATE TABLE groups (
  account     TEXT NOT NULL,
  region      TEXT NOT NULL,
  name        TEXT NOT NULL,
  deleting    INTEGER NOT NULL,
  tags        TEXT NOT NULL, -- JSON object
  created_at  INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  PRIMARY KEY (account, region, name)
) WITHOUT ROWID;

-- The due queue: the next occurrence of every enabled schedule, and retries.
CREATE TABLE due (
  at           INTEGER NOT NULL,
  kind         INTEGER NOT NULL, -- 0 occurrence, 1 retry
  schedule     INTEGER NOT NULL,
  scheduled_at INTEGER NOT NULL, -- seconds
  revision     INTEGER NOT NULL,
  attempt      INTEGER NOT NULL, -- the attempt that is due; 1 is the first
  PRIMARY KEY (at, kind, schedule, scheduled_at)
) WITHOUT ROWID;

-- Recent runs, in the order of time; closed ones move to the history files.
CREATE TABLE runs (
  scheduled_at INTEGER NOT NULL, -- seconds
  schedule     INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  outcome      INTEGER NOT NULL, -- the order of belfry.Outcome
  started_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL,
  reason       TEXT,
  attempts     BLOB,             -- JSON; NULL is one attempt that succeeded
  PRIMARY KEY (scheduled_at, schedule)
) WITHOUT ROWID;

-- One row for the runs that one step started: (seconds, schedule) pairs, 16
-- bytes each. It goes when all of them have ended or wait for a retry; what is
-- here at take-over was interrupted.
CREATE TABLE claims (
  seq  INTEGER PRIMARY KEY,
  runs BLOB NOT NULL
);

-- Stretches in which nothing ran.
CREATE TABLE gaps (
  schedule INTEGER NOT NULL,
  from_at  INTEGER NOT NULL, -- seconds, as to_at
  reason   TEXT NOT NULL,
  to_at    INTEGER NOT NULL, -- 0 while the gap is open
  count    INTEGER NOT NULL,
  PRIMARY KEY (schedule, from_at, reason)
) WITHOUT ROWID;

-- Deleted schedules, so that their runs can still be found by name.
CREATE TABLE retired (
  id         INTEGER PRIMARY KEY,
  account    TEXT NOT NULL,
  region     TEXT NOT NULL,
  grp        TEXT NOT NULL,
  name       TEXT NOT NULL,
  retired_at INTEGER NOT NULL,
  spec       BLOB NOT NULL -- the schedule, JSON
);

CREATE INDEX retired_name ON retired (account, region, grp, name);
