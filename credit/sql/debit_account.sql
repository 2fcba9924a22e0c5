-- Take money out of an account into one of the platform's (consumed, held): the transaction and
-- its two entries. Returns NULL when the account can not pay: it is short, not active, or keeps
-- another currency.
--
-- Returns what is left: of a split account (Note [Slots]) the sum of its slots, as far as they are
-- committed, so that of two debits at the same time neither may see the other's.
--
-- One guarded UPDATE is both the check and the lock: of two debits that together exceed the
-- balance the second matches no row. It comes as late as it can, because the row is hot.
-- A split account's balance is NULL and never matches; only then are its slots looked at.
CREATE OR REPLACE FUNCTION credit_debit_account(
    p_transaction_id uuid,
    p_account_id uuid,
    p_amount_minor bigint,
    p_currency text,
    p_kind text,
    p_purpose text,
    p_reference text,
    p_actor text,
    p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_balance bigint;
    v_contra uuid;
    v_is_split boolean;
BEGIN
    IF p_amount_minor <= 0 THEN
        RAISE EXCEPTION 'a debit takes a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE credit_account
        SET balance_minor = balance_minor - p_amount_minor
        WHERE id = p_account_id AND status = 'active' AND currency = p_currency
            AND balance_minor >= p_amount_minor
        RETURNING balance_minor INTO v_balance;
    v_is_split := NOT FOUND;
    IF v_is_split THEN
        IF NOT credit_pay_from_slots(p_transaction_id, p_account_id, p_amount_minor, p_currency)
        THEN
            RETURN NULL;
        END IF;
        v_balance := credit_balance(p_account_id);
    END IF;
    SELECT id INTO STRICT v_contra FROM credit_account
        WHERE level = 'platform' AND currency = p_currency AND purpose = p_purpose;
    INSERT INTO credit_transaction
        (id, kind, reference, idempotency_key, actor, created_at)
        VALUES (p_transaction_id, p_kind, p_reference, p_kind || ':' || p_reference,
            p_actor, p_now);
    IF v_is_split THEN
        INSERT INTO credit_entry (transaction_id, account_id, amount_minor)
            VALUES (p_transaction_id, v_contra, p_amount_minor);
    ELSE
        INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
            VALUES (p_transaction_id, p_account_id, -p_amount_minor, v_balance),
                (p_transaction_id, v_contra, p_amount_minor, NULL);
    END IF;
    RETURN v_balance;
END
$$;
