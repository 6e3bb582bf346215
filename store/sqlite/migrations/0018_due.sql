-- An entry that does not stand where the schedule's present definition would put
-- it (an edit kept it, or its place had passed when it was made) is marked, and
-- found by its schedule. All others are found by their place, so that the fire
-- path pays for no index.
ALTER TABLE due ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX due_kept ON due (schedule) WHERE kept > 0; -- 2: it stands for itself

-- Two gaps of a schedule may begin in one second: no gap ever takes another's
-- place. An open gap began with the second in which the schedule was disabled;
-- both its ends are part of a gap now, so it begins with the second after.
CREATE TABLE gaps_next (
  schedule INTEGER NOT NULL,
  from_at  INTEGER NOT NULL, -- seconds, as to_at
  seq      INTEGER NOT NULL, -- tells gaps apart that begin in the same second
  reason   TEXT NOT NULL,
  to_at    INTEGER NOT NULL, -- 0 while the gap is open
  count    INTEGER NOT NULL,
  settled_at INTEGER NOT NULL, -- milliseconds: when it was settled that they do not run; 0 of a stretch in which the schedule was disabled
  PRIMARY KEY (schedule, from_at, seq)
) WITHOUT ROWID;
INSERT INTO gaps_next SELECT schedule, from_at + (to_at = 0), row_number() OVER (PARTITION BY schedule, from_at + (to_at = 0)), reason, to_at, count, 0 FROM gaps;
DROP TABLE gaps;
ALTER TABLE gaps_next RENAME TO gaps;
CREATE INDEX gaps_end ON gaps (to_at);

-- What the store remembers of the machine that it ran on: the newest time that
-- its clock showed, and the time-zone data that the due queue was made with.
CREATE TABLE seen (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- When the times of a schedule were set, in milliseconds, if it was enabled after
-- that; 0: at since_at.
ALTER TABLE schedules ADD COLUMN timed_at INTEGER NOT NULL DEFAULT 0;

-- How many of the 64 outcomes are known; 0 in an old row, whose oldest bad one tells.
ALTER TABLE watches ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
