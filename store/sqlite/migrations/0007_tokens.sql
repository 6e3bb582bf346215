-- How much an account has in a region, so that nobody has to count.
CREATE TABLE counts (
  account         TEXT NOT NULL,
  region          TEXT NOT NULL,
  schedules       INTEGER NOT NULL,
  schedule_groups INTEGER NOT NULL,
  PRIMARY KEY (account, region)
) WITHOUT ROWID;

INSERT INTO counts
SELECT account, region, sum(s), sum(g) FROM (
  SELECT account, region, count(*) AS s, 0 AS g FROM schedules WHERE grp < '~' GROUP BY account, region
  UNION ALL
  SELECT account, region, 0, count(*) FROM groups GROUP BY account, region
) GROUP BY account, region;

-- Tokens of the requests that were carried out: the newest in the journal, a
-- row for each transaction, in the order of time. From there they move into
-- tokens; older days stay until they are swept.
CREATE TABLE token_journal (
  seq       INTEGER PRIMARY KEY,
  newest_at INTEGER NOT NULL, -- milliseconds
  tokens    BLOB NOT NULL     -- 40 bytes each: key, request, milliseconds
);

CREATE TABLE tokens (
  day     INTEGER NOT NULL, -- since 1970
  key     BLOB NOT NULL,    -- of account, region, operation and token
  at      INTEGER NOT NULL, -- milliseconds
  request BLOB NOT NULL,    -- tells requests apart
  PRIMARY KEY (day, key)
) WITHOUT ROWID;

-- Signs what clients are given and hand back, such as the position in a list.
INSERT INTO meta VALUES ('secret', randomblob(32));
