-- Version 0 is $LATEST; the others are published and never change.
CREATE TABLE function_versions (
  account  TEXT NOT NULL,
  region   TEXT NOT NULL,
  name     TEXT NOT NULL,
  version  INTEGER NOT NULL,
  revision TEXT NOT NULL,
  spec     BLOB NOT NULL, -- the function, JSON
  PRIMARY KEY (account, region, name, version)
) WITHOUT ROWID;

INSERT INTO function_versions SELECT account, region, name, 0, revision, spec FROM functions;
DROP TABLE functions;
ALTER TABLE function_versions RENAME TO functions;

-- So that a list of functions does not read their versions.
CREATE INDEX functions_latest ON functions (account, region, name) WHERE version = 0;

-- The version or alias that an event names; empty is none.
ALTER TABLE function_events ADD COLUMN qualifier TEXT NOT NULL DEFAULT '';

-- The last version that something was given. It outlives what it numbers, so
-- that a number never means two things.
CREATE TABLE version_numbers (
  kind    TEXT NOT NULL, -- function or layer
  account TEXT NOT NULL,
  region  TEXT NOT NULL,
  name    TEXT NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (kind, account, region, name)
) WITHOUT ROWID;
