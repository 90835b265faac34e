//! All kinds of problems, with their stable codes. A code once given keeps its meaning and its status.
//!
//! Statuses: 400 the request does not fit its format; 401, 403 who asks; 404 there is no such thing, or not for you;
//! 409 the state of things is against it and may change; 422 a rule is against it; 429, 503 try again later; 502 nobody knows
//! what became of it.

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Stable, like `trading.insufficient-funds`.
    pub(crate) code: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// A few words for people.
    pub(crate) title: &'static str,
    /// What it means and what to do about it.
    pub(crate) meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident $status:literal $code:literal $title:literal $meaning:literal)*) => {
        $(
            #[doc = concat!($title, ": ", $meaning)]
            pub(crate) static $name: Kind = Kind { code: $code, status: $status, title: $title, meaning: $meaning };
        )*
        /// All of them, by origin.
        pub(crate) static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    NOT_FOUND 404 "request.not-found" "No such page" "No operation has this path. /docs lists all of them."
    METHOD_NOT_ALLOWED 405 "request.method-not-allowed" "Method not allowed" "The path exists, but not with this method. The Allow header lists those it has."
    URI_TOO_LONG 414 "request.uri-too-long" "Address too long" "Path and query together are limited to 8 KiB."
    HEADERS_TOO_LARGE 431 "request.headers-too-large" "Headers too large" "All headers together are limited to 16 KiB and to 100 of them."
    MALFORMED_HTTP 400 "request.malformed-http" "Not an HTTP request" "What came in is not HTTP/1.1."
    BODY_TOO_LARGE 413 "request.body-too-large" "Body too large" "A body is limited to 64 KiB, a batch of orders or a policy bundle to 1 MiB."
    TIMEOUT 408 "request.timeout" "Too slow" "The body did not arrive in time. The connection is closed."
    UNEXPECTED_BODY 400 "request.unexpected-body" "Unexpected body" "This operation takes no body."
    UNSUPPORTED_MEDIA_TYPE 415 "request.unsupported-media-type" "Unsupported media type" "Bodies are application/json in UTF-8."
    MALFORMED_JSON 400 "request.malformed-json" "Malformed JSON" "The body is not JSON, not UTF-8, or nests too deep. Line and column say where."
    INVALID_HEADER 400 "request.invalid-header" "Invalid header" "A header does not have the form that the documentation gives."
    INVALID_PATH 400 "request.invalid-path" "Invalid path" "A part of the path does not have the form of its parameter."
    INVALID_QUERY 400 "request.invalid-query" "Invalid query" "A query parameter is unknown or does not have its form."
    INVALID_FIELD 400 "request.invalid-field" "Invalid field" "A field of the body is missing, unknown, or does not have its form. Amounts, prices and quantities are decimal text such as \"12.50\", never JSON numbers."
    UNKNOWN_REFERENCE 400 "request.unknown-reference" "Unknown reference" "A field names an asset, instrument or the like that does not exist."
    MISSING_TOKEN 401 "auth.missing-token" "No token" "Send a bearer token in the Authorization header."
    INVALID_TOKEN 401 "auth.invalid-token" "Invalid token" "The token is not one of ours: wrong signature, algorithm, key, issuer or audience, or not valid yet."
    EXPIRED_TOKEN 401 "auth.expired-token" "Expired token" "The token's time is over. Get a new one."
    REVOKED_TOKEN 401 "auth.revoked-token" "Revoked token" "The token was revoked before its time was over."
    FORBIDDEN 403 "auth.forbidden" "Forbidden" "The policy finance.authz does not grant this operation to any role of the token."
    NOT_THE_GATEWAY 403 "auth.not-the-gateway" "Not the gateway" "In a cluster orders come through the gateway, which proves by its certificate that it is one. Send the order there."
    RATE_EXCEEDED 429 "rate.exceeded" "Too many requests" "You have used up your rate. Retry-After says when to go on."
    TOO_MANY_STREAMS 503 "gateway.too-many-streams" "Too many streams" "The gateway serves a limited number of event streams at once."
    GATEWAY_OVERLOADED 503 "gateway.overloaded" "Overloaded" "Too many requests are in progress. Nothing was done; try again after the time given."
    NO_LEADER 503 "gateway.no-leader" "No leader" "No replica of the service takes requests now. Nothing was done; try again after the time given."
    NO_ANSWER 502 "gateway.no-answer" "No answer" "The service was lost while it worked on the request. It may or may not have happened: ask again under the same Idempotency-Key or client order id."
    OVERLOADED 503 "node.overloaded" "Overloaded" "Too many commands are waiting. Nothing was done; try again after the time given."
    HALTED 503 "node.halted" "Halted" "The node has stopped after a failure. What was not answered may or may not have happened: ask again under the same idempotency key once it is back."
    STOPPING 503 "node.stopping" "Stopping" "The node is shutting down. Nothing was done."
    NOT_LEADING 503 "node.not-leading" "Not leading" "This node only follows, and another one leads. Nothing was done; ask that one, or try again after the time given."
    POSITION_NOT_REACHED 503 "node.position-not-reached" "Not there yet" "The position that the read asks for was not reached in time. Try again."
    READS_UNAVAILABLE 503 "views.unavailable" "Reads unavailable" "The read side cannot answer now. Orders go on."
    INTERNAL 500 "gateway.internal" "Internal error" "Something went wrong that should not. Quote the instance when you report it."
    NOT_HOSTED 421 "node.not-hosted" "Wrong node" "This node does not host that service."
    NOT_RECONCILED 404 "node.not-reconciled" "Not reconciled" "This process reads no events. A section kafka in its configuration has the service reconcile what trading publishes."
    IDEMPOTENCY_KEY_REUSED 422 "node.idempotency-key-reused" "Idempotency key reused" "The key was used for another command within the last 24 hours. Choose a new one for a new command."
    ONLY_AS_MESSAGE 403 "node.only-as-message" "Internal command" "Only the order flow gives such a command."
    NOT_A_MESSAGE 403 "node.not-a-message" "Not a message" "Another node may not give such a command."
    OUTBOX_FULL 503 "node.outbox-full" "Outbox full" "Too many messages to other services are unanswered, so no more orders are taken. Try again later."
    UNKNOWN_MESSAGE 404 "node.unknown-message" "Unknown message" "There is no such message without an answer."

    ALREADY_DEFINED 409 "trading.already-defined" "Already defined" "It exists with other content, and definitions do not change."
    INVALID_DEFINITION 422 "trading.invalid-definition" "Invalid definition" "The reference data breaks a rule."
    UNKNOWN_ASSET 404 "trading.unknown-asset" "Unknown asset" "There is no such asset."
    UNKNOWN_INSTRUMENT 404 "trading.unknown-instrument" "Unknown instrument" "There is no such instrument."
    UNKNOWN_PARTICIPANT 404 "trading.unknown-participant" "Unknown participant" "There is no such participant."
    UNKNOWN_ACCOUNT 404 "trading.unknown-account" "Unknown account" "There is no such account, or it is not yours."
    UNKNOWN_ORDER 404 "trading.unknown-order" "Unknown order" "There is no such order, or it is not yours."
    UNKNOWN_CLIENT_ORDER 404 "trading.unknown-client-order" "Unknown client order id" "No order of the account was placed under this id."
    AMOUNT_OUT_OF_RANGE 422 "trading.amount-out-of-range" "Amount out of range" "The amount must be above 0 and at most 10^30 minor units."
    INSUFFICIENT_FUNDS 422 "trading.insufficient-funds" "Insufficient funds" "The account has less available than this needs."
    BUSINESS_DAY_NOT_LATER 409 "trading.business-day-not-later" "Business day not later" "Business days only go forward."
    NO_BUSINESS_DAY 409 "trading.no-business-day" "No business day" "No business day is open yet."
    PHASE_FORBIDS 409 "trading.phase-forbids" "Phase forbids" "The market phase of the instrument does not take this."
    QUANTITY_OUT_OF_RANGE 422 "trading.quantity-out-of-range" "Quantity out of range" "The quantity must be above 0 and at most 10^15 minor units."
    QUANTITY_NOT_IN_LOTS 422 "trading.quantity-not-in-lots" "Quantity not in lots" "The quantity must be a multiple of the instrument's lot."
    PRICE_OUT_OF_RANGE 422 "trading.price-out-of-range" "Price out of range" "The price must be above 0 and at most 10^15 minor units."
    PRICE_NOT_IN_TICKS 422 "trading.price-not-in-ticks" "Price not in ticks" "The price must be a multiple of the instrument's tick."
    PRICE_OUTSIDE_BAND 422 "trading.price-outside-band" "Price outside band" "The price must lie within the band around the reference price."
    MARKET_ORDER_NEEDS_BAND 422 "trading.market-order-needs-band" "No market orders" "The instrument has no price band, and a market order is frozen at the band."
    CONTRADICTION 422 "trading.contradiction" "Contradiction" "Two fields of the request exclude each other."
    NOTIONAL_TOO_LARGE 422 "trading.notional-too-large" "Notional too large" "Price times quantity does not fit 63 bits of minor units."
    CLIENT_ORDER_ID_REUSED 422 "trading.client-order-id-reused" "Client order id reused" "The account has used this client order id for another order. It is unique for good."
    ORDER_NOT_OPEN 404 "trading.order-not-open" "No open order" "There is no open order of this id."
    ORDER_UNDECIDED 409 "trading.order-undecided" "Order undecided" "The order has not been decided yet. Try again."
    ORDER_IN_STATUS 409 "trading.order-in-status" "Order is past that" "The order's status does not allow this any more."
    NOTHING_TO_REPLACE 422 "trading.nothing-to-replace" "Nothing to replace" "The replacement changes neither price nor quantity."
    QUANTITY_BELOW_EXECUTED 422 "trading.quantity-below-executed" "Quantity below executed" "The new quantity must be above what is executed already."
    NO_SWEEP 409 "trading.no-sweep" "No sweep" "There is no sweep to continue."
    BLOCK_LEGS_DO_NOT_MATCH 422 "trading.block-legs-do-not-match" "Legs do not match" "The legs of a block trade must mirror each other."
    ORDER_CLEARED 409 "trading.order-cleared" "Order cleared" "The order is cleared and can no longer be rejected."
    ORDER_IS_BLOCK_LEG 409 "trading.order-is-block-leg" "Leg of a block trade" "The order is a leg of a block trade: refuse the block trade instead."
    BLOCK_STOPPED 409 "trading.block-stopped" "Stopped" "The order was stopped by a kill switch."
    BOOK_FULL 422 "trading.book-full" "Book full" "All open orders of one side must stay below 2^63 minor units. Try a smaller quantity."
    DAY_ORDERS_EXPIRING 409 "trading.day-orders-expiring" "Day orders expiring" "The day orders of the instrument are still expiring. Try again."
    ORDER_REJECTED 422 "trading.order-rejected" "Order rejected" "A service said no to the order; its own code and words are in the problem. The order exists and is closed."

    QUOTA_EXCEEDED 422 "settlement.quota-exceeded" "Clearing quota exceeded" "The participant's clearing quota leaves no room for the order."
    SETTLEMENT_NEGATIVE_AMOUNT 422 "settlement.negative-amount" "Negative amount" "A quota, shortfall or reservation must not be negative."
    CALENDAR_WITHOUT_BUSINESS_DAY 422 "settlement.no-business-day" "No business day" "A calendar must leave at least one business day in the week."
    NOT_A_WEEKDAY 422 "settlement.not-a-weekday" "Not a weekday" "Weekend days are 0 (Monday) to 6 (Sunday)."
    RUN_IN_PROGRESS 409 "settlement.run-in-progress" "Run in progress" "A settlement run has steps left. Try again when it is complete."
    UNBALANCED 409 "settlement.unbalanced" "Unbalanced" "What is due does not sum to zero per asset, so nothing is settled. Somebody must look."
    SETTLEMENT_HOLD_RELEASED 409 "settlement.hold-already-released" "Hold released" "The hold was released before, or its deadline has passed."
    SETTLEMENT_NO_HOLD 409 "settlement.no-hold" "No hold" "There is no such hold."
    SETTLEMENT_HOLD_EARLY 409 "settlement.hold-part-early" "Too early" "An earlier part of the hold is still to come."
    SETTLEMENT_EXCEEDS_HOLD 409 "settlement.exceeds-hold" "More than held" "This is more than is still held."
    SETTLEMENT_HOLD_CONFIRMED 409 "settlement.hold-already-confirmed" "Already confirmed" "What was confirmed cannot be released."
    DATE_NOT_REACHED 409 "settlement.date-not-reached" "Date not reached" "What settles is final, so a date after the open business day is refused. Open that day first."
    UNKNOWN_RUN 404 "settlement.unknown-run" "Unknown run" "There is no settlement run of this number."

    KILL_SWITCH_ENGAGED 422 "risk.kill-switch-engaged" "Kill switch engaged" "A kill switch stops this order. Orders are taken again once it is lifted."
    RISK_ORDER_NOTIONAL 422 "risk.order-notional" "Order notional limit" "The order's notional is above the limit."
    RISK_ORDER_QUANTITY 422 "risk.order-quantity" "Order quantity limit" "The order's quantity is above the limit."
    RISK_POSITION 422 "risk.position" "Position limit" "The position could go beyond its limit if the order is filled."
    RISK_GROSS_EXPOSURE 422 "risk.gross-exposure" "Gross exposure limit" "Open orders and unsettled trades would go beyond their limit."
    RISK_ORDER_RATE 422 "risk.order-rate" "Order rate limit" "Too many orders in this second. The order is rejected for good; place a new one later."
    RISK_HOLD_RELEASED 409 "risk.hold-already-released" "Hold released" "The hold was released before, or its deadline has passed."
    RISK_NO_HOLD 409 "risk.no-hold" "No hold" "There is no such hold."
    RISK_HOLD_EARLY 409 "risk.hold-part-early" "Too early" "An earlier part of the hold is still to come."
    RISK_EXCEEDS_HOLD 409 "risk.exceeds-hold" "More than held" "This is more than is still held."
    RISK_HOLD_CONFIRMED 409 "risk.hold-already-confirmed" "Already confirmed" "What was confirmed cannot be released."
    RISK_NEGATIVE_HOLD 422 "risk.negative-hold" "Negative hold" "A hold must not be negative."
    SWITCH_NOT_ENGAGED 409 "risk.switch-not-engaged" "Switch not engaged" "The kill switch to lift is not engaged."
    BAD_THRESHOLDS 422 "risk.bad-thresholds" "Bad thresholds" "Alert thresholds are a few whole percents from 1 to 100."
    NEGATIVE_LIMIT 422 "risk.negative-limit" "Negative limit" "A limit must not be negative."
    LIMIT_TOO_LARGE 422 "risk.limit-too-large" "Limit too large" "The limit is above what can be represented. Lift it instead."

    BUNDLE_TOO_LARGE 422 "compliance.bundle-too-large" "Bundle too large" "A policy bundle is limited to 256 KiB."
    BUNDLE_DOES_NOT_COMPILE 422 "compliance.bundle-does-not-compile" "Bundle does not compile" "The last good bundle stays in force."
    BUNDLE_LACKS_RULE 422 "compliance.bundle-lacks-rule" "Bundle lacks a rule" "The bundle must define the rules that it is asked for. The last good bundle stays in force."
    BUNDLE_BAD_DATA 422 "compliance.bundle-bad-data" "Bad policy data" "The policy's own check of its data finds something wrong. The last good bundle stays in force."
    BUNDLE_OVER_BUDGET 422 "compliance.bundle-over-budget" "Bundle too slow" "A sample order takes too many instructions. The last good bundle stays in force."
    BUNDLE_GIVES_NO_DECISION 422 "compliance.bundle-gives-no-decision" "No decision" "The bundle gives no decision on a sample order. The last good bundle stays in force."
    NO_POLICY 404 "compliance.no-policy" "No policy" "No policy bundle was brought into force yet: orders are denied."
    CHECK_DEADLINE_PASSED 409 "compliance.deadline-passed" "Deadline passed" "The deadline of the order's check has passed."
    RESTRICTED_LIST_FULL 422 "compliance.restricted-list-full" "Restricted list full" "The restricted list takes no more entries."
    DENIED 422 "compliance.denied" "Denied" "Compliance has denied the order before."
    RESTRICTED 422 "compliance.restricted" "Restricted" "The restricted list covers this order."
    SINGLE_ORDER_LIMIT 422 "compliance.single-order-limit" "Single order limit" "The policy limits the amount of a single order."
    ORDERS_PER_HOUR 422 "compliance.orders-per-hour" "Orders per hour" "The policy limits the orders of a user within an hour."
    POLICY_DENIED 422 "compliance.policy-denied" "Denied by policy" "The policy in force denies the order, in its own words."
    NO_DECISION 422 "compliance.no-decision" "No decision" "The policy gave no decision, and no decision means no."
    FLOW_TIMED_OUT 422 "flow.timed-out" "No answer in time" "A service did not answer in time, so the order is rejected and all that was held is released."

    UNKNOWN_BLOCK 404 "block.unknown" "Unknown block trade" "There is no such block trade that is not over, or it is not yours."
    NOT_AWAITING_CONSENT 409 "block.not-awaiting-consent" "Not awaiting consent" "The block trade does not wait for consent."
    NOT_A_PARTY 403 "block.not-a-party" "Not a party" "The account is not the one whose word is needed."
    SAME_ACCOUNT 422 "block.same-account" "Same account" "The counterparty must be another account."
    DEADLINE_OUT_OF_RANGE 422 "block.deadline-out-of-range" "Deadline out of range" "The time for consent must be above 0 and at most 7 days."
    NOT_STUCK 409 "block.not-stuck" "Not stuck" "Only a stuck block trade can be retried."
}

/// The kind of that code.
pub(crate) fn find(code: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.code == code).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_name_their_origin() {
        let codes: BTreeSet<&str> = ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for kind in ALL {
            let (origin, rest) = kind.code.split_once('.').unwrap();
            assert!(!origin.is_empty() && !rest.is_empty(), "{}", kind.code);
            assert!(matches!(kind.status, 400..=431 | 500 | 502 | 503), "{}", kind.code);
            assert!(kind.meaning.ends_with('.') || kind.meaning.ends_with('"'), "{}", kind.code);
        }
    }
}
