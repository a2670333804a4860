-- What several nodes on one PostgreSQL need to know of each other. No rule sees these tables.

-- How many migrations were run, and how many a release must know to work with them.
CREATE TABLE schema_version (
    version BIGINT NOT NULL,
    works_from BIGINT NOT NULL
);

INSERT INTO schema_version VALUES (0, 0);

-- Ids are given out in blocks, numbered from 1.
CREATE SEQUENCE row_block;
CREATE SEQUENCE event_block;

-- Every transaction that changed rows, by the node and its number there, with its effects; kept for some minutes. It tells the other
-- nodes what to read again, and the node itself whether a COMMIT took place whose answer it did not get.
CREATE TABLE change (
    node BIGINT NOT NULL,
    number BIGINT NOT NULL,
    xid BIGINT NOT NULL,
    at BIGINT NOT NULL,
    effects BYTEA NOT NULL,
    PRIMARY KEY (node, number)
);

CREATE INDEX change_by_xid ON change (xid);

-- Changes of transactions below this one may be gone.
CREATE TABLE change_floor (xid BIGINT NOT NULL);

INSERT INTO change_floor VALUES (0);

-- Who does what one node does for all, and until when.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    node BIGINT NOT NULL,
    until BIGINT NOT NULL
);

INSERT INTO lease VALUES ('upkeep', 0, 0);
