//! Rules about vendors, models, serial numbers, windows and content.

use super::Rule;

const NUMBER_CLIENT_MISSING: &str = "
    SELECT s.sn FROM serial_number s LEFT JOIN client c ON c.id = s.client_id
    WHERE s.client_id IS NOT NULL AND c.id IS NULL LIMIT $1";
const NUMBER_MODEL_MISSING: &str = "
    SELECT s.sn FROM serial_number s
    LEFT JOIN model m ON m.id = s.model_id
    LEFT JOIN sweep w ON w.kind = 1 AND w.subject_id = s.model_id
    WHERE m.id IS NULL AND w.subject_id IS NULL LIMIT $1";
const VENDOR_CLIENT_MISSING: &str = "
    SELECT v.name FROM vendor v LEFT JOIN client c ON c.id = v.client_id
    WHERE c.id IS NULL LIMIT $1";
const VENDOR_MISFOLDED: &str = "SELECT name FROM vendor WHERE folded <> lower(name) LIMIT $1";
const TOKEN_VENDOR_MISSING: &str = "
    SELECT t.name FROM vendor_token t LEFT JOIN vendor v ON v.client_id = t.vendor_id
    WHERE v.client_id IS NULL LIMIT $1";
const MODEL_VENDOR_MISSING: &str = "
    SELECT m.name FROM model m LEFT JOIN vendor v ON v.client_id = m.vendor_id
    WHERE v.client_id IS NULL LIMIT $1";
const MODEL_WITHOUT_TEMPLATE: &str = "
    SELECT name FROM model
    WHERE (template_id IS NULL AND share_code_id IS NULL) OR (template_id IS NOT NULL AND share_code_id IS NOT NULL)
    LIMIT $1";
const SHARE_ALONE: &str = "
    SELECT CAST(s.model_id AS TEXT) FROM model_share s
    LEFT JOIN model m ON m.id = s.model_id
    LEFT JOIN vendor v ON v.client_id = s.vendor_id
    WHERE m.id IS NULL OR v.client_id IS NULL LIMIT $1";
const RANGE_ALONE: &str = "
    SELECT CAST(r.id AS TEXT) FROM serial_range r LEFT JOIN model m ON m.id = r.model_id
    WHERE m.id IS NULL LIMIT $1";
const RANGE_REVERSED: &str = "
    SELECT CAST(id AS TEXT) FROM serial_range
    WHERE last < first OR length(first) <> 16 OR length(last) <> 16 LIMIT $1";
const TRY_ALONE: &str = "
    SELECT t.sn FROM model_try t LEFT JOIN model m ON m.id = t.model_id
    WHERE m.id IS NULL LIMIT $1";
const TRY_OUTSIDE_ITS_RING: &str = "SELECT sn FROM model_try WHERE slot < 0 OR slot >= 1000 LIMIT $1";
const CONTENT_ALONE: &str = "
    SELECT c.id FROM content c LEFT JOIN model m ON m.id = c.model_id
    WHERE m.id IS NULL LIMIT $1";
const CONTENT_HALF_THERE: &str = "
    SELECT id FROM content
    WHERE (digest IS NULL AND (length <> 0 OR content_type <> '')) OR (digest IS NOT NULL AND length < 0) LIMIT $1";
const GROUP_ALONE: &str = "
    SELECT g.id FROM member_group g LEFT JOIN model m ON m.id = g.model_id
    WHERE m.id IS NULL LIMIT $1";
const MEMBER_GROUP_MISSING: &str = "
    SELECT m.group_id FROM membership m
    LEFT JOIN member_group g ON g.model_id = m.model_id AND g.id = m.group_id
    WHERE g.id IS NULL LIMIT $1";
const MEMBER_MISSING: &str = "
    SELECT m.member_id FROM membership m
    LEFT JOIN serial_number s ON m.kind = 1 AND s.model_id = m.model_id AND s.sn = m.member_id
    LEFT JOIN content c ON m.kind = 2 AND c.model_id = m.model_id AND c.id = m.member_id
    LEFT JOIN member_group g ON m.kind = 3 AND g.model_id = m.model_id AND g.id = m.member_id
    WHERE s.sn IS NULL AND c.id IS NULL AND g.id IS NULL LIMIT $1";
const OPEN_WITHOUT_WINDOW: &str = "
    SELECT CAST(id AS TEXT) FROM client WHERE state IN (1, 2) AND expires_at IS NULL LIMIT $1";
const WAITING_WITH_ANSWER: &str = "
    SELECT CAST(id AS TEXT) FROM client WHERE state = 1 AND answer_id IS NOT NULL LIMIT $1";
const ANSWERED_TOO_LATE: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c JOIN event e ON e.id = c.answer_id
    WHERE c.state IN (2, 3) AND e.at >= c.expires_at LIMIT $1";

pub(super) const RULES: &[Rule] = &[
    Rule { promise: "I3", broken: "a vendor whose client is missing", sql: VENDOR_CLIENT_MISSING },
    Rule { promise: "I3", broken: "a vendor whose name is folded wrongly", sql: VENDOR_MISFOLDED },
    Rule { promise: "I3", broken: "a token whose vendor is missing", sql: TOKEN_VENDOR_MISSING },
    Rule { promise: "I3", broken: "a model whose vendor is missing", sql: MODEL_VENDOR_MISSING },
    Rule { promise: "I3", broken: "a model that names no template, or two", sql: MODEL_WITHOUT_TEMPLATE },
    Rule { promise: "I3", broken: "a share whose model or partner is missing", sql: SHARE_ALONE },
    Rule { promise: "I3", broken: "a serial number whose client is missing", sql: NUMBER_CLIENT_MISSING },
    Rule { promise: "I3", broken: "a serial number whose model is missing", sql: NUMBER_MODEL_MISSING },
    Rule { promise: "I3", broken: "a range whose model is missing", sql: RANGE_ALONE },
    Rule { promise: "I12", broken: "a range that ends before it begins", sql: RANGE_REVERSED },
    Rule { promise: "I3", broken: "a refused try whose model is missing", sql: TRY_ALONE },
    Rule { promise: "I8", broken: "a refused try outside its model's ring", sql: TRY_OUTSIDE_ITS_RING },
    Rule { promise: "I3", broken: "a content whose model is missing", sql: CONTENT_ALONE },
    Rule { promise: "I5", broken: "a content that is half there", sql: CONTENT_HALF_THERE },
    Rule { promise: "I3", broken: "a group whose model is missing", sql: GROUP_ALONE },
    Rule { promise: "I3", broken: "a membership of a group that is missing", sql: MEMBER_GROUP_MISSING },
    Rule { promise: "I3", broken: "a membership of something that is missing", sql: MEMBER_MISSING },
    Rule { promise: "I6", broken: "a key that waits, or was answered, without a window", sql: OPEN_WITHOUT_WINDOW },
    Rule { promise: "I1", broken: "a key that waits though it was answered", sql: WAITING_WITH_ANSWER },
    Rule { promise: "I6", broken: "an activation at or after the end of its window", sql: ANSWERED_TOO_LATE },
];
