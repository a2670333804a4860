-- A device that its owner offers to another. made_by is the client that owned it then; erases says that its values are removed
-- before it changes hands.
CREATE TABLE transfer (
    client_id INTEGER PRIMARY KEY,
    code_hash BYTEA NOT NULL UNIQUE,
    made_by BIGINT NOT NULL,
    erases BOOLEAN NOT NULL,
    expires_at BIGINT NOT NULL
);
