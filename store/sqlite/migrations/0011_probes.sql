-- What looks by itself, and pings a check with what it has seen. Times are in
-- milliseconds.
CREATE TABLE probes (
  chk          INTEGER PRIMARY KEY, -- the check's number
  revision     INTEGER NOT NULL,
  settings     BLOB NOT NULL,       -- encrypted
  next_at      INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,    -- 0: it has not looked yet
  last_ok      INTEGER NOT NULL,
  last_detail  TEXT NOT NULL,
  last_took    INTEGER NOT NULL,    -- milliseconds
  last_expires INTEGER NOT NULL     -- of a certificate; 0: none
);

CREATE INDEX probes_next ON probes (next_at);

-- A probe goes with its check, whoever removes that.
CREATE TRIGGER probes_deleted AFTER DELETE ON checks BEGIN
  DELETE FROM probes WHERE chk=old.number;
END;

-- When it is due follows from the check's schedule. Times of another schedule
-- may lie far ahead; a look now finds the new ones.
CREATE TRIGGER probes_rescheduled AFTER UPDATE OF kind, timeout, schedule, timezone ON checks
WHEN old.kind<>new.kind OR old.timeout<>new.timeout OR old.schedule<>new.schedule OR old.timezone<>new.timezone
BEGIN
  UPDATE probes SET next_at=0 WHERE chk=new.number;
END;
