-- Times are UTC milliseconds.

CREATE TABLE access_keys (
  id         TEXT PRIMARY KEY,
  account    TEXT NOT NULL,
  sealed     BLOB NOT NULL, -- the secret, encrypted
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX access_keys_account ON access_keys (account, id);

CREATE TABLE roles (
  account  TEXT NOT NULL,
  name     TEXT NOT NULL,
  revision INTEGER NOT NULL,
  spec     TEXT NOT NULL, -- the role, JSON
  PRIMARY KEY (account, name)
) WITHOUT ROWID;

CREATE TABLE policies (
  account TEXT NOT NULL,
  name    TEXT NOT NULL,
  arn     TEXT NOT NULL,
  spec    TEXT NOT NULL, -- the policy, JSON
  PRIMARY KEY (account, name)
) WITHOUT ROWID;

-- The policies of the account that a role has attached.
CREATE TABLE attachments (
  account TEXT NOT NULL,
  policy  TEXT NOT NULL, -- ARN
  role    TEXT NOT NULL,
  PRIMARY KEY (account, policy, role)
) WITHOUT ROWID;

CREATE INDEX attachments_role ON attachments (account, role);
