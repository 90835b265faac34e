-- Amounts that may need more than 64 bits stand in columns of type ANY: an integer where it fits, else decimal text.
-- Prices, quantities and amounts are in minor units; times are nanoseconds since 1970 in UTC; dates are ISO 8601 text;
-- correlation ids are blobs of 16 bytes; day is the business day that was open, before the first one the day in UTC.

CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_position INTEGER NOT NULL,
    time INTEGER NOT NULL,
    business_day TEXT
) STRICT;

CREATE TABLE assets (asset TEXT PRIMARY KEY, kind TEXT NOT NULL, scale INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE instruments (
    instrument TEXT PRIMARY KEY, isin TEXT, market TEXT NOT NULL, base TEXT NOT NULL, quote TEXT NOT NULL,
    price_scale INTEGER NOT NULL, base_scale INTEGER NOT NULL, quote_scale INTEGER NOT NULL,
    tick INTEGER NOT NULL, lot INTEGER NOT NULL, band_bp INTEGER, reference_price INTEGER NOT NULL,
    settlement_days INTEGER NOT NULL, calendar TEXT NOT NULL, maker_ppm INTEGER NOT NULL, taker_ppm INTEGER NOT NULL,
    phase TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participants (participant TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    account TEXT PRIMARY KEY, participant TEXT NOT NULL, owner TEXT NOT NULL,
    position INTEGER NOT NULL, time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_owner ON accounts (owner, account);
CREATE INDEX accounts_by_participant ON accounts (participant, account);

CREATE TABLE balances (
    account TEXT NOT NULL, asset TEXT NOT NULL,
    available ANY NOT NULL, frozen ANY NOT NULL, clearing ANY NOT NULL,
    PRIMARY KEY (account, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE business_days (
    date TEXT PRIMARY KEY, position INTEGER NOT NULL, time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Texts that many orders and trades have in common: codes, words, dates. A column named so_ref holds the number of one.
CREATE TABLE texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE order_rows (
    order_id INTEGER PRIMARY KEY,
    account_ref INTEGER NOT NULL, participant_ref INTEGER NOT NULL, instrument_ref INTEGER NOT NULL,
    side_ref INTEGER NOT NULL, kind_ref INTEGER NOT NULL, limit_price INTEGER NOT NULL, quantity INTEGER NOT NULL,
    executed INTEGER NOT NULL, time_in_force_ref INTEGER NOT NULL, post_only INTEGER NOT NULL,
    status_ref INTEGER NOT NULL, client_order_id TEXT, user_ref INTEGER NOT NULL, correlation BLOB NOT NULL,
    replaces INTEGER, position INTEGER NOT NULL, time INTEGER NOT NULL,
    closed_position INTEGER, closed_time INTEGER, closed_code_ref INTEGER, closed_message TEXT,
    -- Of the decision that allowed it in the record that created it, see decisions.
    policy INTEGER, orders_in_hour INTEGER, day_ref INTEGER
) STRICT;
CREATE INDEX orders_by_account ON order_rows (account_ref, order_id);
CREATE INDEX orders_by_correlation ON order_rows (correlation);
CREATE INDEX orders_by_client ON order_rows (client_order_id, account_ref) WHERE client_order_id IS NOT NULL;
-- An order that is undecided or alive is one that is not closed. Asking for its words would cost a table of them, made
-- and dropped by SQLite with every order that is written.
CREATE INDEX open_orders ON order_rows (account_ref, order_id) WHERE closed_position IS NULL;

CREATE VIEW orders AS SELECT
    o.*,
    (SELECT text FROM texts WHERE number = o.account_ref) AS account,
    (SELECT text FROM texts WHERE number = o.participant_ref) AS participant,
    (SELECT text FROM texts WHERE number = o.instrument_ref) AS instrument,
    (SELECT text FROM texts WHERE number = o.side_ref) AS side,
    (SELECT text FROM texts WHERE number = o.kind_ref) AS kind,
    (SELECT text FROM texts WHERE number = o.time_in_force_ref) AS time_in_force,
    (SELECT text FROM texts WHERE number = o.status_ref) AS status,
    (SELECT text FROM texts WHERE number = o.user_ref) AS user,
    (SELECT text FROM texts WHERE number = o.closed_code_ref) AS closed_code,
    (SELECT text FROM texts WHERE number = o.day_ref) AS day
FROM order_rows o;

-- Which records touched an order, besides the one that created it: its whole life, in sequence.
CREATE TABLE order_records (
    order_id INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

-- Which records carry a thread, besides those that touched an order that carries it: these too hang on the thread.
CREATE TABLE correlations (
    correlation BLOB NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (correlation, position)
) STRICT, WITHOUT ROWID;

-- A trade with both sides, and so both obligations against the central counterparty. What the orders say stands with them.
CREATE TABLE trade_rows (
    position INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
    instrument_ref INTEGER NOT NULL, price INTEGER NOT NULL, quantity INTEGER NOT NULL, notional ANY NOT NULL,
    trade_date_ref INTEGER NOT NULL, aggressor_ref INTEGER,
    buy_order INTEGER NOT NULL, buy_account_ref INTEGER NOT NULL, buy_participant_ref INTEGER NOT NULL,
    buy_fee ANY NOT NULL,
    sell_order INTEGER NOT NULL, sell_account_ref INTEGER NOT NULL, sell_participant_ref INTEGER NOT NULL,
    sell_fee ANY NOT NULL,
    status_ref INTEGER NOT NULL, due_ref INTEGER, run INTEGER, model_ref INTEGER, settled_on_ref INTEGER,
    PRIMARY KEY (position, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX trades_by_buyer ON trade_rows (buy_account_ref, position, number);
CREATE INDEX trades_by_seller ON trade_rows (sell_account_ref, position, number);
CREATE INDEX trades_by_due_date ON trade_rows (due_ref, position, number);
CREATE INDEX trades_by_run ON trade_rows (run, position, number) WHERE run IS NOT NULL;

CREATE VIEW trades AS SELECT
    t.*,
    (SELECT text FROM texts WHERE number = t.instrument_ref) AS instrument,
    (SELECT text FROM texts WHERE number = t.trade_date_ref) AS trade_date,
    (SELECT text FROM texts WHERE number = t.aggressor_ref) AS aggressor,
    (SELECT text FROM texts WHERE number = t.buy_account_ref) AS buy_account,
    (SELECT text FROM texts WHERE number = t.buy_participant_ref) AS buy_participant,
    (SELECT text FROM texts WHERE number = t.sell_account_ref) AS sell_account,
    (SELECT text FROM texts WHERE number = t.sell_participant_ref) AS sell_participant,
    (SELECT correlation FROM order_rows WHERE order_id = t.buy_order) AS buy_correlation,
    (SELECT correlation FROM order_rows WHERE order_id = t.sell_order) AS sell_correlation,
    (SELECT text FROM texts WHERE number = t.status_ref) AS status,
    (SELECT text FROM texts WHERE number = t.due_ref) AS due,
    (SELECT text FROM texts WHERE number = t.model_ref) AS model,
    (SELECT text FROM texts WHERE number = t.settled_on_ref) AS settled_on
FROM trade_rows t;

CREATE TABLE recyclings (
    run INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    model TEXT NOT NULL, due TEXT NOT NULL, due_next TEXT NOT NULL,
    participant TEXT NOT NULL, asset TEXT NOT NULL, missing ANY NOT NULL, recorded INTEGER NOT NULL,
    PRIMARY KEY (run, position, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX recyclings_by_trade ON recyclings (position, number, run);

CREATE TABLE runs (
    run INTEGER PRIMARY KEY, date TEXT NOT NULL, actor TEXT NOT NULL, correlation BLOB NOT NULL,
    started_position INTEGER NOT NULL, started_time INTEGER NOT NULL, trades INTEGER NOT NULL,
    completed_position INTEGER, completed_time INTEGER, settled INTEGER, recycled INTEGER
) STRICT;
CREATE INDEX runs_by_date ON runs (date, run);

-- What was due when the run started, and what of it had settled when the run was complete.
CREATE TABLE run_totals (
    run INTEGER NOT NULL, what TEXT NOT NULL, asset TEXT NOT NULL,
    delivered ANY NOT NULL, received ANY NOT NULL, fees ANY NOT NULL,
    PRIMARY KEY (run, what, asset)
) STRICT, WITHOUT ROWID;

-- Who could deliver less than was due in a run.
CREATE TABLE run_covers (
    run INTEGER NOT NULL, participant TEXT NOT NULL, asset TEXT NOT NULL, outgoing ANY NOT NULL, missing ANY NOT NULL,
    PRIMARY KEY (run, participant, asset)
) STRICT, WITHOUT ROWID;

-- The net positions as settlement recorded them; the party is empty for the central counterparty.
CREATE TABLE netted_positions (
    run INTEGER NOT NULL, asset TEXT NOT NULL, party TEXT NOT NULL,
    gross_in ANY NOT NULL, gross_out ANY NOT NULL, net ANY NOT NULL,
    PRIMARY KEY (run, asset, party)
) STRICT, WITHOUT ROWID;

-- The settled trades of a run, added up anew: what the net positions must agree with. Movements counts the sides of
-- trades that are part of it; the party is empty for the central counterparty.
CREATE TABLE settled_positions (
    run INTEGER NOT NULL, model TEXT NOT NULL, asset TEXT NOT NULL, party TEXT NOT NULL,
    movements INTEGER NOT NULL, gross_in ANY NOT NULL, gross_out ANY NOT NULL,
    PRIMARY KEY (run, model, asset, party)
) STRICT, WITHOUT ROWID;

CREATE TABLE quotas (
    participant TEXT NOT NULL, asset TEXT NOT NULL, quota ANY NOT NULL, held ANY NOT NULL, used ANY NOT NULL,
    PRIMARY KEY (participant, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE shortfalls (
    participant TEXT NOT NULL, asset TEXT NOT NULL, missing ANY NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (participant, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE limits (
    scope TEXT NOT NULL, scope_id TEXT NOT NULL, measure TEXT NOT NULL, measure_id TEXT NOT NULL,
    maximum ANY NOT NULL, position INTEGER NOT NULL, time INTEGER NOT NULL, actor TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id, measure, measure_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE kill_switches (
    position INTEGER PRIMARY KEY, scope TEXT NOT NULL, scope_id TEXT NOT NULL, reason TEXT NOT NULL,
    time INTEGER NOT NULL, actor TEXT NOT NULL,
    lifted_position INTEGER, lifted_time INTEGER, lifted_by TEXT
) STRICT;

CREATE TABLE alerts (
    position INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, day TEXT NOT NULL,
    scope TEXT NOT NULL, scope_id TEXT NOT NULL, measure TEXT NOT NULL, measure_id TEXT NOT NULL,
    percent INTEGER NOT NULL, used ANY NOT NULL, maximum ANY NOT NULL,
    order_id INTEGER, correlation BLOB NOT NULL,
    PRIMARY KEY (position, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_day ON alerts (day, position, number);

-- Somebody broke the protocol of the order flow, or does not answer.
CREATE TABLE alarms (
    position INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, context TEXT NOT NULL,
    order_id INTEGER, code TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (position, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    version INTEGER PRIMARY KEY, digest TEXT NOT NULL, position INTEGER NOT NULL, time INTEGER NOT NULL,
    day TEXT NOT NULL, actor TEXT NOT NULL, correlation BLOB NOT NULL, modules TEXT NOT NULL, size INTEGER NOT NULL
) STRICT;

-- The order's id names the decision. Reasons are a JSON array of code and message; none when allowed. A decision that
-- allowed an order in the record that created it is not here but in the row of the order, which says all the rest.
CREATE TABLE decisions (
    order_id INTEGER PRIMARY KEY, position INTEGER NOT NULL, time INTEGER NOT NULL, day TEXT NOT NULL,
    correlation BLOB NOT NULL, user TEXT NOT NULL, account TEXT NOT NULL, instrument TEXT NOT NULL,
    market TEXT NOT NULL, policy INTEGER NOT NULL, allowed INTEGER NOT NULL, orders_in_hour INTEGER NOT NULL,
    reasons TEXT
) STRICT;
CREATE INDEX denials_by_day ON decisions (day, order_id) WHERE allowed = 0;

-- Decisions added up; the code is that of the first reason, empty when allowed.
CREATE TABLE decision_counts (
    day TEXT NOT NULL, policy INTEGER NOT NULL, market TEXT NOT NULL, user TEXT NOT NULL, code TEXT NOT NULL,
    decisions INTEGER NOT NULL,
    PRIMARY KEY (day, policy, market, user, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE restrictions (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, instrument TEXT NOT NULL, account TEXT NOT NULL,
    user TEXT NOT NULL, time INTEGER NOT NULL, actor TEXT NOT NULL,
    lifted_position INTEGER, lifted_time INTEGER
) STRICT;

-- Commands that were refused.
CREATE TABLE refusals (
    position INTEGER PRIMARY KEY, time INTEGER NOT NULL, day TEXT NOT NULL, code TEXT NOT NULL,
    message TEXT NOT NULL, actor TEXT NOT NULL, correlation BLOB NOT NULL, account TEXT, order_id INTEGER
) STRICT;
CREATE INDEX refusals_by_code ON refusals (code, position);

-- Refused commands and rejected orders, added up.
CREATE TABLE refusal_counts (
    day TEXT NOT NULL, what TEXT NOT NULL, code TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (day, what, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
    block INTEGER PRIMARY KEY, account TEXT NOT NULL, counterparty TEXT NOT NULL, instrument TEXT NOT NULL,
    side TEXT NOT NULL, price INTEGER NOT NULL, quantity INTEGER NOT NULL, user TEXT NOT NULL,
    deadline INTEGER NOT NULL, correlation BLOB NOT NULL, counter_order INTEGER, counter_user TEXT,
    stage TEXT NOT NULL, leg TEXT, step TEXT, code TEXT, message TEXT,
    position INTEGER NOT NULL, time INTEGER NOT NULL, moved_position INTEGER NOT NULL, moved_time INTEGER NOT NULL
) STRICT;

-- Every stage that a block trade came to, in sequence.
CREATE TABLE block_stages (
    block INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
    stage TEXT NOT NULL, leg TEXT, step TEXT, code TEXT, message TEXT,
    PRIMARY KEY (block, position, number)
) STRICT, WITHOUT ROWID;
