-- The order flow the usual way: tables, and a stored procedure for each phase, each called in a transaction of its own.
-- Amounts are integers in minor units, as in Rialto. Every phase leaves its fact in the outbox.

CREATE TABLE instruments (
    instrument text PRIMARY KEY,
    tick bigint NOT NULL,
    lot bigint NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    phase text NOT NULL
);

CREATE TABLE accounts (account text PRIMARY KEY, participant text NOT NULL, owner text NOT NULL);

CREATE TABLE balances (
    account text REFERENCES accounts,
    asset text,
    available bigint NOT NULL CHECK (available >= 0),
    frozen bigint NOT NULL DEFAULT 0 CHECK (frozen >= 0),
    clearing bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, asset)
);

CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    account text NOT NULL,
    instrument text NOT NULL,
    side char(1) NOT NULL,
    price bigint NOT NULL,
    quantity bigint NOT NULL,
    remaining bigint NOT NULL,
    status text NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX book ON orders (instrument, side, price, id) WHERE status = 'open';

CREATE TABLE policy (single_order bigint NOT NULL, orders_per_hour bigint NOT NULL);
CREATE TABLE orders_in_hour (owner text, hour timestamptz, orders bigint NOT NULL, PRIMARY KEY (owner, hour));
CREATE TABLE decisions (id bigint PRIMARY KEY, allowed boolean NOT NULL, made timestamptz NOT NULL DEFAULT now());

CREATE TABLE exposures (
    account text PRIMARY KEY,
    order_limit bigint NOT NULL,
    gross_limit bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    used bigint NOT NULL DEFAULT 0
);
CREATE TABLE quotas (
    participant text PRIMARY KEY,
    quota bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    used bigint NOT NULL DEFAULT 0,
    CHECK (held + used <= quota)
);
CREATE TABLE holds (id bigint, kind text, outstanding bigint NOT NULL, PRIMARY KEY (id, kind));

CREATE TABLE trades (
    id bigserial PRIMARY KEY,
    buy bigint NOT NULL,
    sell bigint NOT NULL,
    price bigint NOT NULL,
    quantity bigint NOT NULL
);
CREATE TABLE obligations (
    trade bigint,
    participant text,
    asset text,
    amount bigint NOT NULL,
    due date NOT NULL
);
CREATE TABLE outbox (id bigserial PRIMARY KEY, made timestamptz NOT NULL DEFAULT now(), fact jsonb NOT NULL);

-- Phase 1: the order exists, and its funds are frozen.
CREATE FUNCTION place_order(_account text, _instrument text, _side char, _price bigint, _quantity bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    listed instruments;
    placed bigint;
BEGIN
    SELECT * INTO STRICT listed FROM instruments WHERE instrument = _instrument;
    IF listed.phase <> 'continuous' OR _price % listed.tick <> 0 OR _quantity % listed.lot <> 0
        OR _price NOT BETWEEN listed.low AND listed.high THEN
        RAISE EXCEPTION 'refused';
    END IF;
    IF _side = 'b' THEN
        UPDATE balances SET available = available - _price * _quantity, frozen = frozen + _price * _quantity
        WHERE account = _account AND asset = 'EUR';
    ELSE
        UPDATE balances SET available = available - _quantity, frozen = frozen + _quantity
        WHERE account = _account AND asset = _instrument;
    END IF;
    INSERT INTO orders (account, instrument, side, price, quantity, remaining, status)
    VALUES (_account, _instrument, _side, _price, _quantity, _quantity, 'created') RETURNING id INTO placed;
    INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'OrderCreated', 'order', placed,
        'account', _account, 'instrument', _instrument, 'side', _side, 'price', _price, 'quantity', _quantity));
    RETURN placed;
END $$;

-- Phase 2: the policy, with its two rules.
CREATE FUNCTION check_order(_order bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    placed orders;
    of text;
    so_far bigint;
    rules policy;
    allowed boolean;
BEGIN
    SELECT * INTO STRICT placed FROM orders WHERE id = _order;
    SELECT owner INTO STRICT of FROM accounts WHERE account = placed.account;
    SELECT * INTO STRICT rules FROM policy;
    INSERT INTO orders_in_hour VALUES (of, date_trunc('hour', now()), 1)
    ON CONFLICT (owner, hour) DO UPDATE SET orders = orders_in_hour.orders + 1 RETURNING orders INTO so_far;
    allowed := placed.price * placed.quantity <= rules.single_order AND so_far <= rules.orders_per_hour;
    INSERT INTO decisions (id, allowed) VALUES (_order, allowed);
    INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'OrderChecked', 'order', _order, 'allowed', allowed));
    RETURN allowed;
END $$;

-- Phase 3: risk holds the exposure.
CREATE FUNCTION hold_risk(_order bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    placed orders;
    amount bigint;
BEGIN
    SELECT * INTO STRICT placed FROM orders WHERE id = _order;
    amount := placed.price * placed.quantity;
    UPDATE exposures SET held = held + amount
    WHERE account = placed.account AND amount <= order_limit AND held + used + amount <= gross_limit;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO holds VALUES (_order, 'risk', amount);
    INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'ExposureHeld', 'order', _order, 'amount', amount));
    RETURN true;
END $$;

-- Phase 4: settlement holds the clearing quota.
CREATE FUNCTION hold_quota(_order bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    placed orders;
    amount bigint;
BEGIN
    SELECT * INTO STRICT placed FROM orders WHERE id = _order;
    amount := placed.price * placed.quantity;
    UPDATE quotas SET held = held + amount
    WHERE participant = (SELECT participant FROM accounts WHERE account = placed.account)
        AND held + used + amount <= quota;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO holds VALUES (_order, 'quota', amount);
    INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'QuotaHeld', 'order', _order, 'amount', amount));
    RETURN true;
END $$;

-- One side of a fill: funds go to clearing, both holds are confirmed, the obligation stands.
CREATE FUNCTION confirm_side(_trade bigint, _order bigint, _price bigint, _quantity bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine orders;
    member text;
    used_amount bigint;
    paid bigint := _price * _quantity;
BEGIN
    SELECT * INTO STRICT mine FROM orders WHERE id = _order;
    SELECT participant INTO STRICT member FROM accounts WHERE account = mine.account;
    used_amount := mine.price * _quantity;
    IF mine.side = 'b' THEN
        UPDATE balances SET frozen = frozen - used_amount, available = available + used_amount - paid,
            clearing = clearing + paid WHERE account = mine.account AND asset = 'EUR';
    ELSE
        UPDATE balances SET frozen = frozen - _quantity, clearing = clearing + _quantity
        WHERE account = mine.account AND asset = mine.instrument;
    END IF;
    UPDATE holds SET outstanding = outstanding - used_amount WHERE id = _order;
    UPDATE exposures SET held = held - used_amount, used = used + paid WHERE account = mine.account;
    UPDATE quotas SET held = held - used_amount, used = used + paid WHERE participant = member;
    UPDATE orders SET remaining = remaining - _quantity,
        status = CASE WHEN remaining = _quantity THEN 'executed' ELSE 'open' END WHERE id = _order;
    INSERT INTO obligations VALUES (_trade, member, 'EUR', CASE mine.side WHEN 'b' THEN -paid ELSE paid END, current_date),
        (_trade, member, mine.instrument, CASE mine.side WHEN 'b' THEN _quantity ELSE -_quantity END, current_date);
END $$;

-- Phase 5: accepted, matched by price and time, confirmed; the rest of it rests.
CREATE FUNCTION accept_order(_order bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    taker orders;
    maker orders;
    fill bigint;
    made bigint;
    ended text;
BEGIN
    SELECT * INTO STRICT taker FROM orders WHERE id = _order;
    -- One book, one at a time.
    PERFORM 1 FROM instruments WHERE instrument = taker.instrument FOR UPDATE;
    UPDATE orders SET status = 'open' WHERE id = _order;
    WHILE taker.remaining > 0 LOOP
        IF taker.side = 'b' THEN
            SELECT * INTO maker FROM orders WHERE instrument = taker.instrument AND side = 's' AND status = 'open'
                AND price <= taker.price ORDER BY price, id LIMIT 1;
        ELSE
            SELECT * INTO maker FROM orders WHERE instrument = taker.instrument AND side = 'b' AND status = 'open'
                AND price >= taker.price ORDER BY price DESC, id LIMIT 1;
        END IF;
        EXIT WHEN maker.id IS NULL;
        fill := least(taker.remaining, maker.remaining);
        INSERT INTO trades (buy, sell, price, quantity) VALUES (
            CASE taker.side WHEN 'b' THEN taker.id ELSE maker.id END,
            CASE taker.side WHEN 'b' THEN maker.id ELSE taker.id END, maker.price, fill) RETURNING id INTO made;
        PERFORM confirm_side(made, taker.id, maker.price, fill);
        PERFORM confirm_side(made, maker.id, maker.price, fill);
        INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'OrderExecuted', 'trade', made,
            'taker', taker.id, 'maker', maker.id, 'price', maker.price, 'quantity', fill));
        taker.remaining := taker.remaining - fill;
    END LOOP;
    SELECT status INTO STRICT ended FROM orders WHERE id = _order;
    INSERT INTO outbox (fact) VALUES (jsonb_build_object('event', 'OrderAccepted', 'order', _order, 'status', ended));
    RETURN ended;
END $$;
