//! Rules about the ownership tree and what hangs on it.

use super::Rule;

const CLIENT_WITHOUT_KEY: &str = "
    SELECT CAST(r.id AS TEXT) FROM resource r LEFT JOIN client c ON c.id = r.id
    WHERE r.kind = 1 AND c.id IS NULL LIMIT $1";
const KEY_WITHOUT_CLIENT: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN resource r ON r.id = c.id AND r.kind = 1
    WHERE r.id IS NULL LIMIT $1";
const UNKNOWN_STATE: &str = "SELECT CAST(id AS TEXT) FROM client WHERE state NOT IN (1, 2, 3, 4) LIMIT $1";
const UNKNOWN_KIND: &str = "SELECT CAST(id AS TEXT) FROM resource WHERE kind NOT IN (1, 2, 3, 4) LIMIT $1";
const OWNER_MISSING: &str = "
    SELECT CAST(r.id AS TEXT) FROM resource r LEFT JOIN resource o ON o.id = r.owner_id AND o.kind = 1
    WHERE r.owner_id IS NOT NULL AND o.id IS NULL LIMIT $1";
const SECOND_ROOT: &str = "
    SELECT CAST(id AS TEXT) FROM resource
    WHERE owner_id IS NULL AND id <> (SELECT min(id) FROM resource WHERE owner_id IS NULL) LIMIT $1";
/// Whoever hangs below a missing owner is not named again here.
const OUTSIDE_THE_TREE: &str = "
    WITH RECURSIVE tree (id) AS (
        SELECT id FROM resource WHERE owner_id IS NULL
        UNION
        SELECT child.id FROM resource child JOIN tree ON child.owner_id = tree.id
    )
    SELECT CAST(r.id AS TEXT) FROM resource r JOIN resource o ON o.id = r.owner_id
    WHERE r.id NOT IN (SELECT id FROM tree) AND o.id NOT IN (SELECT id FROM tree)
        AND (o.owner_id IS NULL OR EXISTS (SELECT 1 FROM resource above WHERE above.id = o.owner_id)) LIMIT $1";
const ALIAS_ELSEWHERE: &str = "
    SELECT a.name FROM alias a LEFT JOIN resource r ON r.id = a.resource_id
    WHERE r.id IS NULL OR r.owner_id IS NULL OR r.owner_id <> a.client_id LIMIT $1";
const COMMENT_ALONE: &str = "
    SELECT CAST(c.id AS TEXT) FROM comment c LEFT JOIN resource r ON r.id = c.resource_id
    WHERE r.id IS NULL LIMIT $1";
const SHARE_CODE_ALONE: &str = "
    SELECT CAST(s.id AS TEXT) FROM share_code s LEFT JOIN resource r ON r.id = s.resource_id
    WHERE r.id IS NULL LIMIT $1";
const ACTIVATOR_MISSING: &str = "
    SELECT CAST(s.id AS TEXT) FROM share_code s LEFT JOIN client c ON c.id = s.activated_by
    WHERE s.activated_by IS NOT NULL AND c.id IS NULL LIMIT $1";
/// Steps from series to series, without looking at their points.
const POINTS_ALONE: &str = "
    WITH RECURSIVE series (id) AS (
        SELECT min(resource_id) FROM point
        UNION ALL
        SELECT (SELECT min(resource_id) FROM point WHERE resource_id > series.id) FROM series WHERE series.id IS NOT NULL
    )
    SELECT CAST(series.id AS TEXT) FROM series
    LEFT JOIN resource r ON r.id = series.id AND r.kind <> 1
    LEFT JOIN sweep w ON w.kind = 2 AND w.subject_id = series.id
    WHERE series.id IS NOT NULL AND r.id IS NULL AND w.subject_id IS NULL LIMIT $1";
const TIMER_ALONE: &str = "
    SELECT CAST(t.resource_id AS TEXT) FROM rule_timer t LEFT JOIN resource r ON r.id = t.resource_id AND r.kind = 3
    WHERE r.id IS NULL LIMIT $1";
const MESSAGE_ALONE: &str = "
    SELECT CAST(q.id AS TEXT) FROM dispatch_queue q LEFT JOIN resource r ON r.id = q.resource_id AND r.kind = 4
    WHERE r.id IS NULL LIMIT $1";
const USAGE_ALONE: &str = "
    SELECT DISTINCT CAST(u.client_id AS TEXT) FROM usage u LEFT JOIN client c ON c.id = u.client_id
    WHERE c.id IS NULL LIMIT $1";
const ALLOTMENT_ALONE: &str = "
    SELECT CAST(a.client_id AS TEXT) FROM allotment a LEFT JOIN client c ON c.id = a.client_id
    WHERE c.id IS NULL LIMIT $1";
const OVER_ITS_LIMIT: &str = "
    SELECT CAST(client_id AS TEXT) FROM allotment
    WHERE client_used > coalesce(client_limit, client_used)
        OR dataport_used > coalesce(dataport_limit, dataport_used)
        OR datarule_used > coalesce(datarule_limit, datarule_used)
        OR dispatch_used > coalesce(dispatch_limit, dispatch_used)
        OR share_used > coalesce(share_limit, share_used) LIMIT $1";
const GRANT_ALONE: &str = "
    SELECT CAST(g.id AS TEXT) FROM grant_token g LEFT JOIN client c ON c.id = g.client_id
    WHERE c.id IS NULL LIMIT $1";
const RIGHT_ALONE: &str = "
    SELECT CAST(g.token_id AS TEXT) FROM grant_right g LEFT JOIN grant_token t ON t.id = g.token_id
    WHERE t.id IS NULL LIMIT $1";

pub(super) const RULES: &[Rule] = &[
    Rule { promise: "I3", broken: "a resource of a kind that does not exist", sql: UNKNOWN_KIND },
    Rule { promise: "I3", broken: "a resource whose owner is missing", sql: OWNER_MISSING },
    Rule { promise: "I3", broken: "a second root", sql: SECOND_ROOT },
    Rule { promise: "I3", broken: "clients that own each other in a ring", sql: OUTSIDE_THE_TREE },
    Rule { promise: "I1", broken: "a client without a key", sql: CLIENT_WITHOUT_KEY },
    Rule { promise: "I1", broken: "a key without a client", sql: KEY_WITHOUT_CLIENT },
    Rule { promise: "I1", broken: "a key in a state that does not exist", sql: UNKNOWN_STATE },
    Rule {
        promise: "I3",
        broken: "an alias that points elsewhere than at a resource of its client",
        sql: ALIAS_ELSEWHERE,
    },
    Rule { promise: "I3", broken: "a comment without its resource", sql: COMMENT_ALONE },
    Rule { promise: "I3", broken: "a share code without its resource", sql: SHARE_CODE_ALONE },
    Rule { promise: "I3", broken: "a share code of a client that is missing", sql: ACTIVATOR_MISSING },
    Rule { promise: "I3", broken: "points without their series", sql: POINTS_ALONE },
    Rule { promise: "I3", broken: "a timer without its datarule", sql: TIMER_ALONE },
    Rule { promise: "I3", broken: "a waiting message without its dispatch", sql: MESSAGE_ALONE },
    Rule { promise: "I3", broken: "usage of a client that is missing", sql: USAGE_ALONE },
    Rule { promise: "I3", broken: "an allotment of a client that is missing", sql: ALLOTMENT_ALONE },
    Rule { promise: "I8", broken: "a client that holds more than its limits allow", sql: OVER_ITS_LIMIT },
    Rule { promise: "I3", broken: "a grant to a client that is missing", sql: GRANT_ALONE },
    Rule { promise: "I3", broken: "a right without its grant", sql: RIGHT_ALONE },
];
