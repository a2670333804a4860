-- People who use the portal. folded is the name without case. role: 1 platform administrator, 2 vendor administrator, 3 vendor
-- viewer, 4 owner. client_id is the client as which the person acts. The seals are bound to the row; a password is kept as
-- the sealed salt and hash, NULL until one is chosen. totp_step is the time step of the newest one-time code that was used;
-- totp_pending is a secret that was shown and not confirmed yet.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    role BIGINT NOT NULL,
    client_id BIGINT NOT NULL,
    password_sealed BYTEA,
    totp_sealed BYTEA,
    totp_pending BYTEA,
    totp_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    signed_in_at BIGINT
);

CREATE INDEX account_by_client ON account (client_id, folded);

-- Codes that stand in for a lost second factor, once each.
CREATE TABLE recovery_code (
    account_id BIGINT NOT NULL,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (account_id, code_hash)
) WITHOUT ROWID;

-- stage: 1 signed in, 2 waits for a one-time code. acting_id is the client as which a platform administrator works for a while.
CREATE TABLE account_session (
    id INTEGER PRIMARY KEY,
    key_hash BYTEA NOT NULL UNIQUE,
    account_id BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    acting_id BIGINT,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);

CREATE INDEX account_session_by_account ON account_session (account_id);
CREATE INDEX account_session_by_use ON account_session (used_at);

-- A link that was given out. With account_id it lets that person choose a new password; without, it makes an account with the
-- role, acting as client_id, or as a new client called owner_name below below_id.
CREATE TABLE invitation (
    id INTEGER PRIMARY KEY,
    key_hash BYTEA NOT NULL UNIQUE,
    account_id BIGINT,
    role BIGINT NOT NULL,
    client_id BIGINT,
    below_id BIGINT,
    owner_name TEXT NOT NULL,
    note TEXT NOT NULL,
    made_by BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitation_by_client ON invitation (client_id);
CREATE INDEX invitation_by_end ON invitation (expires_at);
