-- Money in and out of an account, whether its balance is one number or split into slots.
--
-- Note [Slots]
-- From its UPDATE to the end of the commit a debit keeps every other one on that row waiting, so
-- one account pays as often as the disk is flushed. An account that needs more is split: its
-- balance_minor is NULL, its balance is the sum of its slots, and an entry names the slot that it
-- moved. Three rules keep that free of deadlocks:
-- - Who takes from one slot alone holds no other slot of the account and no lock on the account
--   while it waits, and waits for neither afterwards. An UPDATE that finds the balance gone after
--   a wait keeps the row locked; so each try is a subtransaction, undone when it comes to nothing.
-- - Who touches several slots has locked the account's row first (in the order of Note [Lock
--   order]), and then all slots in ascending order. Debits from one slot do not look at that lock.
-- - Only what is committed decides that an account is short: money in a slot that somebody has
--   locked is waited for.

-- What an account can pay now, in minor units: NULL for the platform's, which keep no balance.
-- A plain read: of a split account it shows the slots as they are committed (and as the caller
-- has changed them), in one moment.
CREATE OR REPLACE FUNCTION credit_balance(p_account_id uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN a.slot_count = 0 THEN a.balance_minor ELSE
        (SELECT coalesce(sum(s.balance_minor), 0)::bigint FROM credit_accountslot s
            WHERE s.account_id = a.id) END
    FROM credit_account a WHERE a.id = p_account_id
$$;

-- Lock all slots of an account, whose row the caller has locked.
CREATE OR REPLACE FUNCTION credit_lock_slots(p_account_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM credit_accountslot WHERE account_id = p_account_id
        ORDER BY slot FOR NO KEY UPDATE;
END
$$;

-- Take money out of an account whose row the caller has locked, from as many slots as it takes,
-- and write its entries. False when the account is short: then nothing was taken.
CREATE OR REPLACE FUNCTION credit_take_out(
    p_transaction_id uuid,
    p_account_id uuid,
    p_amount_minor bigint
) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH taken AS (
        UPDATE credit_account SET balance_minor = balance_minor - p_amount_minor
            WHERE id = p_account_id AND balance_minor >= p_amount_minor
            RETURNING balance_minor)
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
        SELECT p_transaction_id, p_account_id, -p_amount_minor, balance_minor FROM taken;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM credit_lock_slots(p_account_id);
    WITH wanted AS (
        SELECT id, least(balance_minor, p_amount_minor - coalesce(sum(balance_minor) OVER (
                ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS part,
            sum(balance_minor) OVER () AS available
        FROM credit_accountslot WHERE account_id = p_account_id
    ), taken AS (
        UPDATE credit_accountslot s SET balance_minor = s.balance_minor - w.part
            FROM wanted w WHERE w.id = s.id AND w.part > 0 AND w.available >= p_amount_minor
            RETURNING s.slot, w.part, s.balance_minor)
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor, slot)
        SELECT p_transaction_id, p_account_id, -part, balance_minor, slot FROM taken ORDER BY slot;
    RETURN FOUND;
END
$$;

-- Put money into an account whose row the caller has locked, and write its entries. A split one
-- gets it evenly in all its slots, or (what comes back from a single spend) in its poorest one.
CREATE OR REPLACE FUNCTION credit_put_in(
    p_transaction_id uuid,
    p_account_id uuid,
    p_amount_minor bigint,
    p_is_spread boolean
) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_level text;
    v_slots bigint;
BEGIN
    SELECT level, slot_count INTO v_level, v_slots FROM credit_account WHERE id = p_account_id;
    IF v_level = 'platform' THEN
        INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
            VALUES (p_transaction_id, p_account_id, p_amount_minor, NULL);
    ELSIF v_slots = 0 THEN
        WITH put AS (
            UPDATE credit_account SET balance_minor = balance_minor + p_amount_minor
                WHERE id = p_account_id RETURNING balance_minor)
        INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
            SELECT p_transaction_id, p_account_id, p_amount_minor, balance_minor FROM put;
    ELSE
        IF p_is_spread THEN
            PERFORM credit_lock_slots(p_account_id);
        END IF;
        WITH part AS (
            SELECT id, p_amount_minor / v_slots
                + CASE WHEN slot < p_amount_minor % v_slots THEN 1 ELSE 0 END AS amount
            FROM credit_accountslot
            WHERE account_id = p_account_id AND slot < v_slots AND p_is_spread
            UNION ALL
            (SELECT id, p_amount_minor FROM credit_accountslot
            WHERE account_id = p_account_id AND slot < v_slots AND NOT p_is_spread
            ORDER BY balance_minor, slot LIMIT 1)
        ), put AS (
            UPDATE credit_accountslot s SET balance_minor = s.balance_minor + p.amount
                FROM part p WHERE p.id = s.id AND p.amount > 0
                RETURNING s.slot, p.amount, s.balance_minor)
        INSERT INTO credit_entry
            (transaction_id, account_id, amount_minor, balance_after_minor, slot)
            SELECT p_transaction_id, p_account_id, amount, balance_minor, slot
            FROM put ORDER BY slot;
    END IF;
END
$$;

-- Take money from one slot and write its entry; false when that slot is short.
CREATE OR REPLACE FUNCTION credit_take_from_slot(
    p_transaction_id uuid,
    p_account_id uuid,
    p_slot integer,
    p_amount_minor bigint
) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH taken AS (
        UPDATE credit_accountslot SET balance_minor = balance_minor - p_amount_minor
            WHERE account_id = p_account_id AND slot = p_slot AND balance_minor >= p_amount_minor
            RETURNING balance_minor)
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor, slot)
        SELECT p_transaction_id, p_account_id, -p_amount_minor, balance_minor, p_slot FROM taken;
    RETURN FOUND;
END
$$;

-- Pay from an account that can not pay as one number: because it is split, or was a moment ago.
-- Writes the account's entries; false when it can not pay: then nothing was taken.
CREATE OR REPLACE FUNCTION credit_pay_from_slots(
    p_transaction_id uuid,
    p_account_id uuid,
    p_amount_minor bigint,
    p_currency text
) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_slots integer;
    v_start integer;
    v_slot integer;
BEGIN
    SELECT slot_count INTO v_slots FROM credit_account
        WHERE id = p_account_id AND status = 'active' AND currency = p_currency;
    IF v_slots > 0 THEN
        v_start := floor(random() * v_slots);
        BEGIN
            -- By its number: to read all slots each time would be to walk over everything that
            -- was written to them since the oldest snapshot (a report's, a backup's).
            SELECT slot INTO v_slot FROM credit_accountslot
                WHERE account_id = p_account_id AND slot = v_start
                    AND balance_minor >= p_amount_minor
                FOR NO KEY UPDATE SKIP LOCKED;
            IF NOT FOUND THEN
                -- It is short or in use: on to the next that is neither.
                SELECT slot INTO v_slot FROM credit_accountslot
                    WHERE account_id = p_account_id AND balance_minor >= p_amount_minor
                    ORDER BY (slot - v_start + v_slots) % v_slots
                    FOR NO KEY UPDATE SKIP LOCKED LIMIT 1;
            END IF;
            IF FOUND AND credit_take_from_slot(
                p_transaction_id, p_account_id, v_slot, p_amount_minor)
            THEN
                RETURN true;
            END IF;
            RAISE no_data_found;
        EXCEPTION WHEN no_data_found THEN
            NULL;
        END;
    END IF;
    -- Also where it was merged since the caller looked: what it can pay is read in one moment.
    IF v_slots IS NULL OR (credit_balance(p_account_id) >= p_amount_minor) IS NOT TRUE THEN
        RETURN false;
    END IF;
    -- Everybody is at work here: an allocation, a rebalance, a crowd. Each waits at a slot that
    -- can pay, and not for the whole account, where only one could be served at a time.
    SELECT slot INTO v_slot FROM credit_accountslot
        WHERE account_id = p_account_id AND balance_minor >= p_amount_minor
        ORDER BY random() LIMIT 1;
    IF FOUND THEN
        BEGIN
            IF credit_take_from_slot(p_transaction_id, p_account_id, v_slot, p_amount_minor) THEN
                RETURN true;
            END IF;
            RAISE no_data_found;
        EXCEPTION WHEN no_data_found THEN
            NULL;
        END;
    END IF;
    -- No single slot can: gather from several.
    PERFORM 1 FROM credit_account
        WHERE id = p_account_id AND status = 'active' AND currency = p_currency
        FOR NO KEY UPDATE;
    RETURN FOUND AND credit_take_out(p_transaction_id, p_account_id, p_amount_minor);
END
$$;

-- Spread an account's balance evenly over so many slots (NULL: as many as it has); 0 makes it one
-- number again. Moves the differences as one transaction, and nothing where all is even: returns
-- whether something was moved. Nothing can be paid meanwhile, so it gives up after two seconds.
CREATE OR REPLACE FUNCTION credit_rebalance(
    p_transaction_id uuid,
    p_account_id uuid,
    p_slots integer,
    p_actor text,
    p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_account credit_account;
    v_total bigint;
    v_is_moved boolean;
BEGIN
    SELECT * INTO STRICT v_account FROM credit_account WHERE id = p_account_id
        FOR NO KEY UPDATE;
    p_slots := coalesce(p_slots, v_account.slot_count);
    INSERT INTO credit_accountslot (account_id, slot, balance_minor)
        SELECT p_account_id, generate_series(0, p_slots - 1), 0
        ON CONFLICT DO NOTHING;
    PERFORM credit_lock_slots(p_account_id);
    SELECT coalesce(v_account.balance_minor, 0) + coalesce(sum(balance_minor), 0) INTO v_total
        FROM credit_accountslot WHERE account_id = p_account_id;
    WITH change AS (
        SELECT id, slot, CASE WHEN slot < p_slots THEN v_total / nullif(p_slots, 0)
                + CASE WHEN slot < v_total % nullif(p_slots, 0) THEN 1 ELSE 0 END ELSE 0 END
                - balance_minor AS amount
        FROM credit_accountslot WHERE account_id = p_account_id
    ), moved AS (
        UPDATE credit_accountslot s SET balance_minor = s.balance_minor + c.amount
            FROM change c WHERE c.id = s.id AND c.amount <> 0
            RETURNING s.slot, c.amount, s.balance_minor
    ), whole AS (
        SELECT CASE WHEN p_slots = 0 THEN v_total ELSE 0 END AS after
    )
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor, slot)
        SELECT p_transaction_id, p_account_id, amount, balance_minor, slot FROM moved
        UNION ALL
        SELECT p_transaction_id, p_account_id,
            after - coalesce(v_account.balance_minor, 0), after, NULL
        FROM whole WHERE after <> coalesce(v_account.balance_minor, 0);
    v_is_moved := FOUND;
    IF v_is_moved THEN
        INSERT INTO credit_transaction (id, kind, reference, idempotency_key, actor, created_at)
            VALUES (p_transaction_id, 'rebalance', format('account:%s', p_account_id),
                format('rebalance:%s', p_transaction_id), p_actor, p_now);
    END IF;
    UPDATE credit_account SET slot_count = p_slots,
            balance_minor = CASE WHEN p_slots = 0 THEN v_total END
        WHERE id = p_account_id AND slot_count <> p_slots;
    RETURN v_is_moved;
END
$$;
