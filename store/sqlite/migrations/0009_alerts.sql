-- Where alerts go. Times are in milliseconds; 0 is none.
CREATE TABLE channels (
  number      INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE, -- a UUID
  account     TEXT NOT NULL,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  target      TEXT NOT NULL,        -- for people
  sealed      BLOB NOT NULL,        -- configuration
  revision    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  enabled     INTEGER NOT NULL,
  status      TEXT NOT NULL,        -- new, up or down
  since       INTEGER NOT NULL,
  failures    INTEGER NOT NULL,
  last_error  TEXT NOT NULL,
  retry_at    INTEGER NOT NULL,     -- nothing is sent before
  lease_until INTEGER NOT NULL DEFAULT 0, -- somebody sends until then
  claim       INTEGER NOT NULL DEFAULT 0, -- counts those who did
  due_at      INTEGER NOT NULL DEFAULT 0, -- of the first delivery that waits
  next_at     INTEGER NOT NULL DEFAULT 0  -- the latest of these three, when something waits and the channel is enabled
);

CREATE UNIQUE INDEX channels_name ON channels (account, name);
CREATE INDEX channels_next ON channels (next_at) WHERE next_at > 0;

-- Which failures are told, to whom and how often.
CREATE TABLE alert_policies (
  id          TEXT PRIMARY KEY, -- a UUID
  account     TEXT NOT NULL,
  scope       TEXT NOT NULL,    -- default, group, schedule, tag or check
  scope_value TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  spec        TEXT NOT NULL     -- JSON
) WITHOUT ROWID;

CREATE UNIQUE INDEX alert_policies_scope ON alert_policies (account, scope, scope_value);

-- Troubles, from the flip that opened one to the flip that closed it.
CREATE TABLE alerts (
  number    INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so that it tells the order
  id        TEXT NOT NULL UNIQUE,
  account   TEXT NOT NULL,
  kind      TEXT NOT NULL,
  subject   TEXT NOT NULL,
  revision  INTEGER NOT NULL,
  closed_at INTEGER NOT NULL,
  next_at   INTEGER NOT NULL, -- a reminder or a step of the escalation
  spec      TEXT NOT NULL     -- JSON
);

CREATE UNIQUE INDEX alerts_open ON alerts (account, kind, subject) WHERE closed_at = 0;
CREATE INDEX alerts_account ON alerts (account, number);
CREATE INDEX alerts_next ON alerts (next_at) WHERE next_at > 0;
CREATE INDEX alerts_closed ON alerts (closed_at) WHERE closed_at > 0;

-- Messages: the outbox while they are pending, the log after.
CREATE TABLE deliveries (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL,
  account    TEXT NOT NULL,
  channel    TEXT NOT NULL,
  kind       TEXT NOT NULL, -- of the channel
  event      TEXT NOT NULL,
  severity   TEXT NOT NULL,
  cause      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  status     TEXT NOT NULL, -- pending, delivered or failed
  tries      INTEGER NOT NULL,
  error      TEXT NOT NULL,
  ended_at   INTEGER NOT NULL,
  total      INTEGER NOT NULL,
  items      TEXT NOT NULL  -- JSON
);

CREATE INDEX deliveries_waiting ON deliveries (channel, due_at, number) WHERE status = 'pending';
CREATE INDEX deliveries_account ON deliveries (account, number);
CREATE INDEX deliveries_channel ON deliveries (channel, created_at);
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE status <> 'pending';

-- Which alerts a message is about; its link acknowledges them.
CREATE TABLE delivery_alerts (
  delivery INTEGER NOT NULL,
  alert    TEXT NOT NULL, -- id
  PRIMARY KEY (delivery, alert)
) WITHOUT ROWID;

CREATE INDEX delivery_alerts_alert ON delivery_alerts (alert);
