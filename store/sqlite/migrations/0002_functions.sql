-- Times are UTC milliseconds.

CREATE TABLE functions (
  account  TEXT NOT NULL,
  region   TEXT NOT NULL,
  name     TEXT NOT NULL,
  revision TEXT NOT NULL,
  spec     BLOB NOT NULL, -- the function, JSON
  PRIMARY KEY (account, region, name)
) WITHOUT ROWID;

-- Asynchronous invocations that were accepted and have not ended.
CREATE TABLE function_events (
  id             TEXT PRIMARY KEY,
  account        TEXT NOT NULL,
  region         TEXT NOT NULL,
  function       TEXT NOT NULL,
  payload        BLOB NOT NULL,
  client_context BLOB,
  tries          INTEGER NOT NULL,
  backoffs       INTEGER NOT NULL,
  accepted_at    INTEGER NOT NULL,
  due_at         INTEGER NOT NULL
);

CREATE INDEX function_events_function ON function_events (account, region, function);
