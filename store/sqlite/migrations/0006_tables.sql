-- Times are UTC milliseconds; 0 is "not set".

CREATE TABLE tables (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    TEXT NOT NULL,
  region     TEXT NOT NULL,
  name       TEXT NOT NULL,
  revision   INTEGER NOT NULL,
  settings   TEXT NOT NULL,    -- JSON object
  adopting   INTEGER NOT NULL, -- what the settings say
  created_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX tables_name ON tables (account, region, name);
CREATE INDEX tables_adopting ON tables (id) WHERE adopting = 1;

-- How much a table has, so that nobody has to count.
CREATE TABLE table_totals (
  tbl   INTEGER PRIMARY KEY,
  live  INTEGER NOT NULL, -- 0: the table was deleted; the sweep removes its items
  items INTEGER NOT NULL,
  bytes INTEGER NOT NULL  -- of the stored forms
);

CREATE INDEX table_totals_dead ON table_totals (tbl) WHERE live = 0;

CREATE TABLE table_items (
  tbl        INTEGER NOT NULL,
  hash       BLOB NOT NULL,
  range      BLOB NOT NULL,    -- empty: the table has no range attribute
  expires_at INTEGER NOT NULL,
  item       BLOB NOT NULL,
  PRIMARY KEY (tbl, hash, range)
) WITHOUT ROWID;

CREATE INDEX table_items_expiry ON table_items (expires_at) WHERE expires_at > 0;

-- Tokens of transactions, until they are forgotten.
CREATE TABLE table_tokens (
  account     TEXT NOT NULL,
  region      TEXT NOT NULL,
  token       TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (account, region, token)
) WITHOUT ROWID;

CREATE INDEX table_tokens_expiry ON table_tokens (expires_at);
