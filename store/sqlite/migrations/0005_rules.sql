-- Scheduled rules. The targets of a rule are schedules whose group is named
-- after it.
CREATE TABLE rules (
  account  TEXT NOT NULL,
  region   TEXT NOT NULL,
  name     TEXT NOT NULL,
  revision INTEGER NOT NULL,
  spec     BLOB NOT NULL, -- the rule, JSON
  PRIMARY KEY (account, region, name)
) WITHOUT ROWID;
