-- Times are UTC milliseconds; 0 is "not set".

CREATE TABLE queues (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  contents    INTEGER NOT NULL,
  account     TEXT NOT NULL,
  region      TEXT NOT NULL,
  name        TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  attributes  TEXT NOT NULL,    -- JSON object
  tags        TEXT NOT NULL,    -- JSON object
  secret      BLOB NOT NULL,
  retention   INTEGER NOT NULL, -- milliseconds; what the attributes say
  created_at  INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  purged_at   INTEGER NOT NULL
);

CREATE UNIQUE INDEX queues_name ON queues (account, region, name);

-- What a queue holds between two purges, with the number of its messages, so
-- that nobody has to count them.
CREATE TABLE queue_contents (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  live     INTEGER NOT NULL, -- 0: the queue was deleted or purged; the sweep empties it
  ready    INTEGER NOT NULL, -- rows in queue_ready
  received INTEGER NOT NULL  -- rows in queue_received
);

CREATE INDEX queue_contents_dead ON queue_contents (id) WHERE live = 0;

-- Messages that nobody has received: a send appends, a receive takes the head.
CREATE TABLE queue_ready (
  contents   INTEGER NOT NULL,
  visible_at INTEGER NOT NULL,
  id         BLOB NOT NULL, -- begins with the time at which it was sent
  sender     TEXT NOT NULL,
  trace      TEXT,
  grp        TEXT,
  attributes BLOB,
  body       TEXT NOT NULL,
  PRIMARY KEY (contents, visible_at, id)
) WITHOUT ROWID;

-- Messages that have been received or dead-lettered. Receipt handles name the
-- id, which is all that a delete needs.
CREATE TABLE queue_received (
  contents          INTEGER NOT NULL,
  id                BLOB NOT NULL,
  visible_at        INTEGER NOT NULL,
  receives          INTEGER NOT NULL,
  first_received_at INTEGER NOT NULL,
  source            TEXT, -- ARN of the queue that dead-lettered it
  sender            TEXT NOT NULL,
  trace             TEXT,
  grp               TEXT,
  attributes        BLOB,
  body              TEXT NOT NULL,
  PRIMARY KEY (contents, id)
) WITHOUT ROWID;

CREATE INDEX queue_received_visible ON queue_received (contents, visible_at);
