-- Rights that ended, as lines of the revocation journal, until they are in it. The newest row stays: its id is the number of
-- the newest right that this database knows to have ended.
CREATE TABLE revocation (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL
);
