-- The tags of each check, so that those with a tag are found without reading all.
CREATE TABLE check_tags (
  account TEXT NOT NULL,
  tag     TEXT NOT NULL,
  number  INTEGER NOT NULL, -- of the check
  PRIMARY KEY (account, tag, number)
) WITHOUT ROWID;

WITH RECURSIVE
  texts (account, number, rest) AS (
    SELECT account, number, replace(replace(replace(tags, char(9), ' '), char(10), ' '), char(13), ' ') || ' ' FROM checks
  ),
  words (account, number, tag, rest) AS (
    SELECT account, number, '', rest FROM texts
    UNION ALL
    SELECT account, number, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM words WHERE rest <> ''
  )
INSERT OR IGNORE INTO check_tags SELECT account, tag, number FROM words WHERE tag <> '';
