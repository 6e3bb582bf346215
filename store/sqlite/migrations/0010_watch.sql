-- Times are UTC milliseconds; 0 is "not set".

-- What was recorded of schedules and their watches have to know: a row for the
-- news of a transaction. A row goes when it has been settled.
CREATE TABLE news (
  seq   INTEGER PRIMARY KEY,
  items BLOB NOT NULL
);

INSERT INTO meta VALUES ('news_settled', 0); -- the last row that was settled

-- Schedules that are not simply well. A row has the schedule's name, so that one
-- look is enough.
CREATE TABLE watches (
  schedule       INTEGER PRIMARY KEY,
  account        TEXT NOT NULL,
  region         TEXT NOT NULL,
  grp            TEXT NOT NULL,
  name           TEXT NOT NULL,
  status         TEXT NOT NULL,    -- up, grace or down
  since          INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  detail         TEXT NOT NULL,
  run            INTEGER NOT NULL, -- the latest that the status comes from
  outcomes       INTEGER NOT NULL, -- the last 64, the newest in the lowest bit; set is bad
  in_a_row       INTEGER NOT NULL,
  retrying       INTEGER NOT NULL, -- a run that waits for another attempt, ...
  retrying_since INTEGER NOT NULL  -- ... and when its first one started
);

CREATE INDEX watches_account ON watches (account, schedule) WHERE status <> 'up';
CREATE INDEX watches_status ON watches (status) WHERE status <> 'up';
CREATE INDEX watches_retrying ON watches (retrying_since) WHERE retrying_since > 0;

-- What Belfry has found out about itself, as it was told last.
CREATE TABLE self_checks (
  name   TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  since  INTEGER NOT NULL,
  detail TEXT NOT NULL
) WITHOUT ROWID;
