-- What may stand in the ledger, kind by kind. Checked at commit, when all entries are there, and
-- by the owner, as in Note [Zero sum]. A redemption's debit is none of these kinds: the hottest
-- movement of all passes by without a single check.

-- Who gains and (below zero) who loses by a transaction. Not the owner's to run for others: it
-- would show every tenant's entries.
CREATE OR REPLACE FUNCTION credit_sides(p_transaction_id uuid)
RETURNS TABLE (account_id uuid, amount_minor numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT e.account_id, sum(e.amount_minor) FROM credit_entry e
    WHERE e.transaction_id = p_transaction_id GROUP BY e.account_id
$$;

-- Credit goes down one level: issued by the platform to an agency, allocated from there to a
-- child of the account that pays.
CREATE OR REPLACE FUNCTION credit_check_descent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM credit_sides(NEW.id)) <> 2 OR NOT EXISTS (
        SELECT 1 FROM credit_sides(NEW.id) taken
        JOIN credit_account payer ON payer.id = taken.account_id AND taken.amount_minor < 0
        JOIN credit_account payee ON payee.parent_id = payer.id
        JOIN credit_sides(NEW.id) given ON given.account_id = payee.id
        WHERE (payer.level = 'platform') = (NEW.kind = 'issue'))
    THEN
        RAISE EXCEPTION 'transaction % is no % from an account to its child', NEW.id, NEW.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_transaction_goes_down';
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS credit_transaction_goes_down ON credit_transaction;
CREATE CONSTRAINT TRIGGER credit_transaction_goes_down
    AFTER INSERT ON credit_transaction DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('issue', 'allocation')) EXECUTE FUNCTION credit_check_descent();

-- A hold sets an account's money aside: on the platform's account for that, nowhere else.
CREATE OR REPLACE FUNCTION credit_check_hold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT array_agg((CASE WHEN side.amount_minor < 0 THEN a.level ELSE a.purpose END)::text
            ORDER BY side.amount_minor)
        FROM credit_sides(NEW.id) side JOIN credit_account a ON a.id = side.account_id)
        IN (ARRAY['agency', 'held'], ARRAY['client', 'held'], ARRAY['campaign', 'held'])
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'hold % does not set one account''s money aside', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_transaction_sets_aside';
END
$$;

DROP TRIGGER IF EXISTS credit_transaction_sets_aside ON credit_transaction;
CREATE CONSTRAINT TRIGGER credit_transaction_sets_aside
    AFTER INSERT ON credit_transaction DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind = 'hold') EXECUTE FUNCTION credit_check_hold();

-- Note [Settlements]
-- What settles another transaction touches its accounts only, and never moves more than that one
-- did. A release undoes a hold to the cent. A capture (or a sale of cards) uses a hold up: the
-- held money is gone, a part is consumed and the rest, if any, is back where it came from. A
-- refund undoes a debit, an adjustment whatever was a mistake: each account gets back at most
-- what it paid, and pays back at most what it got. What a capture paid was taken by its hold, so
-- the two are counted as one. That each is settled once is held by a UNIQUE index.
CREATE OR REPLACE FUNCTION credit_check_settlement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_settled credit_transaction;
    v_fits boolean;
BEGIN
    SELECT * INTO STRICT v_settled FROM credit_transaction WHERE id = NEW.settles_id;
    IF NEW.kind IN ('refund', 'adjustment') THEN
        v_fits := NEW.kind = 'adjustment'
            OR v_settled.kind IN ('redemption', 'capture', 'card_sale');
        v_fits := v_fits AND (SELECT count(*) > 0 AND bool_and(
                coalesce(back.amount_minor * taken.amount_minor < 0
                    AND abs(back.amount_minor) <= abs(taken.amount_minor), false))
            FROM credit_sides(NEW.id) back
            LEFT JOIN (SELECT e.account_id, sum(e.amount_minor) AS amount_minor
                FROM credit_entry e
                WHERE e.transaction_id IN (v_settled.id, v_settled.settles_id)
                GROUP BY e.account_id) taken USING (account_id));
    ELSE
        v_fits := v_settled.kind = 'hold' AND (SELECT bool_and(CASE
                WHEN NEW.kind = 'release' THEN coalesce(used.amount_minor, 0) = -held.amount_minor
                -- The payer: what it gets back is less than what was held of it.
                WHEN held.amount_minor < 0
                    THEN coalesce(used.amount_minor, 0) BETWEEN 0 AND -held.amount_minor - 1
                WHEN held.amount_minor > 0 THEN used.amount_minor = -held.amount_minor
                WHEN NEW.kind = 'capture' THEN a.purpose = 'consumed' AND used.amount_minor > 0
                ELSE used.amount_minor > 0
            END IS TRUE)
            FROM credit_sides(NEW.id) used
            FULL JOIN credit_sides(v_settled.id) held USING (account_id)
            JOIN credit_account a ON a.id = account_id);
    END IF;
    IF v_fits IS NOT TRUE THEN
        RAISE EXCEPTION '% % does not fit the % that it settles',
            NEW.kind, NEW.id, v_settled.kind
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'credit_transaction_fits_what_it_settles';
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS credit_transaction_fits_what_it_settles ON credit_transaction;
CREATE CONSTRAINT TRIGGER credit_transaction_fits_what_it_settles
    AFTER INSERT ON credit_transaction DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.settles_id IS NOT NULL) EXECUTE FUNCTION credit_check_settlement();

-- Use a hold up: what was bought is consumed, the rest goes back to the account it was held of,
-- also when that is paused. Raises GC012 when it is more than was held.
CREATE OR REPLACE FUNCTION credit_capture(
    p_transaction_id uuid,
    p_hold_id uuid,
    p_amount_minor bigint,
    p_actor text,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_hold record;
BEGIN
    SELECT t.reference, a.id AS account_id, a.currency, held.account_id AS held_id,
            held.amount_minor::bigint AS amount_minor
        INTO STRICT v_hold
        FROM credit_transaction t
        JOIN credit_sides(t.id) taken ON taken.amount_minor < 0
        JOIN credit_sides(t.id) held ON held.amount_minor > 0
        JOIN credit_account a ON a.id = taken.account_id
        WHERE t.id = p_hold_id AND t.kind = 'hold';
    IF p_amount_minor NOT BETWEEN 1 AND v_hold.amount_minor THEN
        RAISE EXCEPTION 'hold % is of %, not %', p_hold_id, v_hold.amount_minor, p_amount_minor
            USING ERRCODE = 'GC012', DETAIL = jsonb_build_object('errors', jsonb_build_object(
                'amount', jsonb_build_array('No more than what is held can be captured.')))::text;
    END IF;
    -- The account first, then the transaction: a release at the same time goes the same way.
    IF p_amount_minor < v_hold.amount_minor THEN
        PERFORM 1 FROM credit_account WHERE id = v_hold.account_id FOR NO KEY UPDATE;
        PERFORM credit_put_in(p_transaction_id, v_hold.account_id,
            v_hold.amount_minor - p_amount_minor, false);
    END IF;
    INSERT INTO credit_transaction
        (id, kind, reference, idempotency_key, settles_id, actor, created_at)
        VALUES (p_transaction_id, 'capture', v_hold.reference, 'capture:' || p_hold_id, p_hold_id,
            p_actor, p_now);
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor)
        SELECT p_transaction_id, v_hold.held_id, -v_hold.amount_minor
        UNION ALL
        SELECT p_transaction_id, id, p_amount_minor FROM credit_account
            WHERE level = 'platform' AND currency = v_hold.currency AND purpose = 'consumed';
END
$$;
