-- Where an event is posted to; empty: it is for its function.
ALTER TABLE function_events ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
