-- How often a message was received in the queues that dead-lettered it: what
-- clients see goes on counting, while a queue's own policy counts its own.
ALTER TABLE queue_received ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;
