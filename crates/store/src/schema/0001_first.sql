-- Times are Unix seconds of the service clock. Keys and RIDs are 20 bytes, hashes 32.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    number BIGINT,
    bytes BYTEA
) WITHOUT ROWID;

INSERT INTO setting (name, number) VALUES ('time mark', 0);

-- The ownership tree. kind: 1 client, 2 dataport, 3 datarule, 4 dispatch. format (dataports, datarules): 1 integer,
-- 2 float, 3 string. The description is JSON; what rules ask for often has a column of its own. publisher_id is the resource
-- that this one subscribes to, subscribed_by the client with whose rights. kept_count and kept_s are the retention, NULL where
-- it is infinite. owned_at is when it came to its present owner.
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    rid BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    owner_id BIGINT,
    format BIGINT,
    public BOOLEAN NOT NULL,
    locked BOOLEAN NOT NULL,
    preprocessed BOOLEAN NOT NULL,
    publisher_id BIGINT,
    subscribed_by BIGINT,
    kept_count BIGINT,
    kept_s BIGINT,
    created_at BIGINT NOT NULL,
    owned_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    description TEXT NOT NULL
);

CREATE INDEX resource_by_owner ON resource (owner_id, kind);
CREATE INDEX resource_by_publisher ON resource (publisher_id) WHERE publisher_id IS NOT NULL;
CREATE INDEX resource_public ON resource (kind) WHERE public;
CREATE INDEX resource_kept ON resource (id) WHERE kept_count IS NOT NULL OR kept_s IS NOT NULL;

-- How much of each kind a client's whole subtree may hold, and holds. A limit is NULL where it is inherited or cannot be reached;
-- a client all of whose limits are so has no row, and nothing is counted for it.
CREATE TABLE allotment (
    client_id INTEGER PRIMARY KEY,
    client_limit BIGINT,
    client_used BIGINT NOT NULL,
    dataport_limit BIGINT,
    dataport_used BIGINT NOT NULL,
    datarule_limit BIGINT,
    datarule_used BIGINT NOT NULL,
    dispatch_limit BIGINT,
    dispatch_used BIGINT NOT NULL,
    share_limit BIGINT,
    share_used BIGINT NOT NULL
);

-- The key of a client and its state, apart from its description because activation writes this row and nothing else of
-- it. state: 1 notactivated, 2 answered (activated, key never used), 3 used, 4 expired. answer_id is the event of
-- the activation that gave the present key; event_id is the newest event of its serial number, event_count how many it has had.
CREATE TABLE client (
    id INTEGER PRIMARY KEY,
    key_hash BYTEA NOT NULL,
    key_sealed BYTEA NOT NULL,
    state BIGINT NOT NULL,
    expires_at BIGINT,
    answer_id BIGINT,
    event_id BIGINT,
    event_count BIGINT NOT NULL
);

CREATE TABLE alias (
    client_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    resource_id BIGINT NOT NULL,
    PRIMARY KEY (client_id, name)
) WITHOUT ROWID;

CREATE INDEX alias_by_resource ON alias (resource_id);

CREATE TABLE comment (
    id INTEGER PRIMARY KEY,
    resource_id BIGINT NOT NULL,
    public BOOLEAN NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX comment_by_resource ON comment (resource_id);

-- One value of a series a second; the text is the value as the wire prints it.
CREATE TABLE point (
    resource_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (resource_id, at)
) WITHOUT ROWID;

CREATE TABLE share_code (
    id INTEGER PRIMARY KEY,
    resource_id BIGINT NOT NULL,
    key_hash BYTEA NOT NULL,
    key_sealed BYTEA NOT NULL,
    meta TEXT NOT NULL,
    activated_by BIGINT
);

CREATE INDEX share_code_by_resource ON share_code (resource_id);
CREATE INDEX share_code_by_activator ON share_code (activated_by) WHERE activated_by IS NOT NULL;

-- When a datarule is looked at again by itself; count is how many values have counted since its time began.
CREATE TABLE rule_timer (
    resource_id INTEGER PRIMARY KEY,
    due_at BIGINT NOT NULL,
    count BIGINT NOT NULL
);

CREATE INDEX rule_timer_by_time ON rule_timer (due_at);

-- Messages of dispatches that wait, or are being sent.
CREATE TABLE dispatch_queue (
    id INTEGER PRIMARY KEY,
    resource_id BIGINT NOT NULL,
    message TEXT NOT NULL,
    sending BOOLEAN NOT NULL
);

CREATE INDEX dispatch_queue_by_resource ON dispatch_queue (resource_id);

-- metric: 1 to 4 kinds of resources, of which it has steps (up when they came, down when they left); 5 shares, 6 email, 7 http,
-- 8 sms, 9 xmpp, of which it has what was used up.
CREATE TABLE usage (
    client_id BIGINT NOT NULL,
    metric BIGINT NOT NULL,
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (client_id, metric, at)
) WITHOUT ROWID;

-- A token of a grant calls as client_id with the rights (a set of bits) that lender_id has lent it.
CREATE TABLE grant_token (
    id INTEGER PRIMARY KEY,
    key_hash BYTEA NOT NULL,
    client_id BIGINT NOT NULL,
    lender_id BIGINT NOT NULL,
    lender_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX grant_token_by_client ON grant_token (client_id);
CREATE INDEX grant_token_by_end ON grant_token (expires_at);

CREATE TABLE grant_right (
    token_id BIGINT NOT NULL,
    resource_id BIGINT NOT NULL,
    rights BIGINT NOT NULL,
    PRIMARY KEY (token_id, resource_id)
) WITHOUT ROWID;

-- A vendor is a client with a name; folded is the name without case, so that look-alikes are one name.
CREATE TABLE vendor (
    client_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    folded TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE vendor_token (
    id INTEGER PRIMARY KEY,
    vendor_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    key_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (vendor_id, name)
);

-- options is a set of bits: 1 noaliases, 2 nocomments, 4 nohistorical, 8 autoenable, 16 graceretry. Exactly one of
-- template_id (a resource) and share_code_id is set. tries counts the rows ever written to model_try.
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    vendor_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    template_id BIGINT,
    share_code_id BIGINT,
    options BIGINT NOT NULL,
    activation_timeout_s BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    UNIQUE (vendor_id, name)
);

CREATE TABLE model_share (
    model_id BIGINT NOT NULL,
    vendor_id BIGINT NOT NULL,
    PRIMARY KEY (model_id, vendor_id)
) WITHOUT ROWID;

CREATE INDEX model_share_by_vendor ON model_share (vendor_id, model_id);

-- While a number has a client, the newest event of its log is the client's event_id; else it is here.
-- enabled_by is set when a share partner enabled it.
CREATE TABLE serial_number (
    model_id BIGINT NOT NULL,
    sn TEXT NOT NULL,
    client_id BIGINT,
    enabled_by BIGINT,
    event_id BIGINT,
    event_count BIGINT NOT NULL,
    extra TEXT,
    PRIMARY KEY (model_id, sn)
) WITHOUT ROWID;

CREATE UNIQUE INDEX serial_number_by_client ON serial_number (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX serial_number_by_partner ON serial_number (model_id, enabled_by, sn) WHERE enabled_by IS NOT NULL;

-- first and last are 16 bytes, big-endian, so that they sort as numbers. length is -1 where there is none.
CREATE TABLE serial_range (
    id INTEGER PRIMARY KEY,
    model_id BIGINT NOT NULL,
    format BIGINT NOT NULL,
    length BIGINT NOT NULL,
    casing BIGINT NOT NULL,
    first BYTEA NOT NULL,
    last BYTEA NOT NULL
);

CREATE INDEX serial_range_by_first ON serial_range (model_id, format, length, casing, first);

-- Refused tries on numbers that only a range covers: one ring a model.
CREATE TABLE model_try (
    model_id BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    sn TEXT NOT NULL,
    at BIGINT NOT NULL,
    address TEXT NOT NULL,
    verb BIGINT NOT NULL,
    PRIMARY KEY (model_id, slot)
) WITHOUT ROWID;

-- What happened, append only. Events of one serial number form a chain through previous_id.
-- retry is the keyed hash of the nonce that an activation brought.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    previous_id BIGINT,
    at BIGINT NOT NULL,
    verb BIGINT NOT NULL,
    actor_id BIGINT,
    address TEXT,
    retry BYTEA,
    detail TEXT
);

CREATE TABLE content (
    model_id BIGINT NOT NULL,
    id TEXT NOT NULL,
    content_type TEXT NOT NULL,
    digest BYTEA,
    length BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    meta TEXT NOT NULL,
    protected BOOLEAN NOT NULL,
    PRIMARY KEY (model_id, id)
) WITHOUT ROWID;

CREATE INDEX content_by_digest ON content (digest) WHERE digest IS NOT NULL;

CREATE TABLE member_group (
    model_id BIGINT NOT NULL,
    id TEXT NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (model_id, id)
) WITHOUT ROWID;

-- kind: 1 sn, 2 content, 3 group. expires_at 0 is never.
CREATE TABLE membership (
    model_id BIGINT NOT NULL,
    group_id TEXT NOT NULL,
    kind BIGINT NOT NULL,
    member_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (model_id, group_id, kind, member_id)
) WITHOUT ROWID;

CREATE INDEX membership_by_member ON membership (model_id, kind, member_id, group_id);

-- Rows that a deletion left to be removed in small steps. kind: 1 the numbers of a model, 2 the points of a resource.
CREATE TABLE sweep (
    kind BIGINT NOT NULL,
    subject_id BIGINT NOT NULL,
    PRIMARY KEY (kind, subject_id)
) WITHOUT ROWID;
