//! Rules about what was written down (promise I11). A chain shorter than 1500 events has never been cut.

use super::Rule;

const ANSWERED_WITHOUT_EVENT: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN event e ON e.id = c.answer_id
    WHERE (c.state = 2 OR (c.state = 3 AND c.answer_id IS NOT NULL))
        AND (e.id IS NULL OR e.verb <> 1) AND c.event_count < 1500 LIMIT $1";
const HEAD_MISSING: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN event e ON e.id = c.event_id
    WHERE c.event_id IS NOT NULL AND e.id IS NULL
    UNION ALL
    SELECT s.sn FROM serial_number s LEFT JOIN event e ON e.id = s.event_id
    WHERE s.event_id IS NOT NULL AND e.id IS NULL LIMIT $1";
const DEVICE_WITHOUT_LOG: &str = "
    SELECT s.sn FROM serial_number s JOIN client c ON c.id = s.client_id
    WHERE c.event_id IS NULL LIMIT $1";
const OUT_OF_ORDER: &str = "SELECT CAST(id AS TEXT) FROM event WHERE previous_id >= id LIMIT $1";
/// Both ends of the walk are guarded: a ring of events ends it, and is out of order besides.
const INCOMPLETE: &str = "
    WITH RECURSIVE walk (head, counted, at, length) AS (
        SELECT event_id, event_count, event_id, 0 FROM client WHERE event_id IS NOT NULL AND event_count < 1500
        UNION ALL
        SELECT event_id, event_count, event_id, 0 FROM serial_number
        WHERE event_id IS NOT NULL AND event_count < 1500
        UNION ALL
        SELECT walk.head, walk.counted, e.previous_id, walk.length + 1
        FROM walk JOIN event e ON e.id = walk.at
        WHERE walk.length <= walk.counted
    )
    SELECT CAST(head AS TEXT) FROM walk
    WHERE length > 0
    GROUP BY head, counted
    HAVING max(length) <> counted OR min(CASE WHEN at IS NULL THEN 0 ELSE 1 END) = 1 LIMIT $1";
const SHARED: &str = "
    SELECT CAST(previous_id AS TEXT) FROM event
    WHERE previous_id IS NOT NULL
    GROUP BY previous_id
    HAVING count(*) > 1 LIMIT $1";
const VENDOR_UNNOTED: &str = "
    SELECT v.name FROM vendor v
    LEFT JOIN (SELECT DISTINCT actor_id, detail FROM event WHERE verb = 25) e
        ON e.actor_id = v.client_id AND e.detail = v.name
    WHERE e.actor_id IS NULL LIMIT $1";
const TOKEN_UNNOTED: &str = "
    SELECT t.name FROM vendor_token t
    LEFT JOIN (SELECT DISTINCT actor_id, detail FROM event WHERE verb = 22) e
        ON e.actor_id = t.vendor_id AND e.detail = t.name
    WHERE e.actor_id IS NULL LIMIT $1";
const SHARE_UNNOTED: &str = "
    SELECT v.name FROM model_share s
    JOIN vendor v ON v.client_id = s.vendor_id
    LEFT JOIN (SELECT DISTINCT detail FROM event WHERE verb = 20) e
        ON e.detail = 'model ' || CAST(s.model_id AS TEXT) || ' with vendor ' || v.name
    WHERE e.detail IS NULL LIMIT $1";

pub(super) const RULES: &[Rule] = &[
    Rule {
        promise: "I11",
        broken: "an activated client without the event of its activation",
        sql: ANSWERED_WITHOUT_EVENT,
    },
    Rule { promise: "I11", broken: "a log whose newest event is missing", sql: HEAD_MISSING },
    Rule { promise: "I11", broken: "a device without a log", sql: DEVICE_WITHOUT_LOG },
    Rule { promise: "I11", broken: "an event before the one that it follows", sql: OUT_OF_ORDER },
    Rule { promise: "I11", broken: "a log of another length than was counted", sql: INCOMPLETE },
    Rule { promise: "I11", broken: "two logs that share an event", sql: SHARED },
    Rule { promise: "I11", broken: "a vendor without the event of its registration", sql: VENDOR_UNNOTED },
    Rule { promise: "I11", broken: "a token without the event of its making", sql: TOKEN_UNNOTED },
    Rule { promise: "I11", broken: "a share without its event", sql: SHARE_UNNOTED },
];
