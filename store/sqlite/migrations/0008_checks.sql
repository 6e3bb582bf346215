-- What people say about a check.
CREATE TABLE checks (
  number         INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE, -- a UUID
  account        TEXT NOT NULL,
  badge          TEXT NOT NULL UNIQUE, -- a UUID
  unique_key     TEXT NOT NULL,        -- its name for those who may only read
  created_at     INTEGER NOT NULL,     -- milliseconds
  name           TEXT NOT NULL,
  slug           TEXT NOT NULL,
  tags           TEXT NOT NULL,
  description    TEXT NOT NULL,
  kind           TEXT NOT NULL,
  timeout        INTEGER NOT NULL,     -- milliseconds
  grace          INTEGER NOT NULL,     -- milliseconds
  schedule       TEXT NOT NULL,
  timezone       TEXT NOT NULL,
  manual_resume  INTEGER NOT NULL,
  methods        TEXT NOT NULL,
  channels       TEXT NOT NULL,        -- ids, separated by commas
  start_kw       TEXT NOT NULL,
  success_kw     TEXT NOT NULL,
  failure_kw     TEXT NOT NULL,
  filter_subject INTEGER NOT NULL,
  filter_body    INTEGER NOT NULL,
  filter_http    INTEGER NOT NULL,
  filter_default INTEGER NOT NULL      -- what matches nothing is a failure
);

CREATE INDEX checks_account ON checks (account);
CREATE INDEX checks_slug ON checks (account, slug);
CREATE INDEX checks_name ON checks (account, name);
CREATE INDEX checks_unique_key ON checks (unique_key);

-- What pings say about a check, apart from it so that a ping writes little.
-- Times are in milliseconds; 0 is none.
CREATE TABLE check_states (
  number         INTEGER PRIMARY KEY,
  status         TEXT NOT NULL, -- new, up, down or paused
  since          INTEGER NOT NULL,
  pings          INTEGER NOT NULL,
  last_ping      INTEGER NOT NULL,
  last_start     INTEGER NOT NULL,
  last_start_rid TEXT NOT NULL,
  last_duration  INTEGER NOT NULL,
  expected       INTEGER NOT NULL,
  alert_after    INTEGER NOT NULL,
  look_at        INTEGER NOT NULL -- when to see whether alert_after has come: not later
);

CREATE INDEX check_states_look ON check_states (look_at) WHERE look_at > 0;
CREATE INDEX check_states_status ON check_states (status);

-- How many checks an account has, so that nobody has to count.
CREATE TABLE check_counts (
  account TEXT PRIMARY KEY,
  checks  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE pings (
  chk         INTEGER NOT NULL, -- the check's number
  n           INTEGER NOT NULL,
  at          INTEGER NOT NULL, -- milliseconds
  action      TEXT NOT NULL,
  scheme      TEXT NOT NULL,
  remote_addr TEXT NOT NULL,
  method      TEXT NOT NULL,
  user_agent  TEXT NOT NULL,
  rid         TEXT NOT NULL,
  exit_status INTEGER NOT NULL, -- -1 is none
  body_size   INTEGER NOT NULL,
  body        INTEGER NOT NULL, -- its id; 0 is none
  PRIMARY KEY (chk, n)
) WITHOUT ROWID;

-- In the order in which they came, so that those that come together share pages.
CREATE TABLE ping_bodies (
  id   INTEGER PRIMARY KEY,
  body BLOB NOT NULL
);

-- Changes of state, of checks and of all else that can be well or not.
CREATE TABLE flips (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so that it tells the order
  account     TEXT NOT NULL,
  kind        TEXT NOT NULL,
  subject     TEXT NOT NULL,
  name        TEXT NOT NULL,
  at          INTEGER NOT NULL, -- milliseconds
  from_status TEXT NOT NULL,
  to_status   TEXT NOT NULL,
  reason      TEXT NOT NULL,
  detail      TEXT NOT NULL,
  run         TEXT NOT NULL,
  processed   INTEGER NOT NULL DEFAULT 0 -- 1 when its alerts have been written
);

CREATE INDEX flips_subject ON flips (account, kind, subject, at);
CREATE INDEX flips_waiting ON flips (id) WHERE processed = 0;
CREATE INDEX flips_at ON flips (at);

-- What lets the outside world at an account's checks.
CREATE TABLE projects (
  account    TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL, -- milliseconds
  ping_key   TEXT UNIQUE,
  badge_key  TEXT UNIQUE,
  read_write BLOB UNIQUE, -- SHA-256 of an API key
  read_only  BLOB UNIQUE
) WITHOUT ROWID;
