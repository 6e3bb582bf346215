-- The versions of layers. Save their policy they never change; their numbers come
-- from version_numbers.
CREATE TABLE layers (
  account TEXT NOT NULL,
  region  TEXT NOT NULL,
  name    TEXT NOT NULL,
  version INTEGER NOT NULL,
  change  TEXT NOT NULL,
  spec    BLOB NOT NULL, -- the version, JSON
  PRIMARY KEY (account, region, name, version)
) WITHOUT ROWID;
