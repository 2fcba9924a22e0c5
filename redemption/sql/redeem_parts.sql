-- Raise what speaks against redeeming in this campaign now; return when nothing does.
CREATE OR REPLACE FUNCTION redemption_check_open(
    p_status text,
    p_client_active boolean,
    p_starts_at timestamptz,
    p_ends_at timestamptz,
    p_claim_expires_at timestamptz,
    p_approval text,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_claim_expires_at < p_now THEN
        RAISE EXCEPTION 'the code expired' USING ERRCODE = 'GC106';
    END IF;
    IF p_status = 'depleted' THEN
        RAISE EXCEPTION 'the campaign is out of credit' USING ERRCODE = 'GC006';
    END IF;
    -- A campaign that has ended still honours its codes until its claim expiry, if it has one.
    IF NOT p_client_active OR p_starts_at > p_now
        OR p_status <> 'active' AND (p_status <> 'ended' OR p_claim_expires_at IS NULL)
        OR p_ends_at < p_now AND p_claim_expires_at IS NULL
    THEN
        RAISE EXCEPTION 'the campaign is not active' USING ERRCODE = 'GC104';
    END IF;
    IF p_approval = 'rejected' THEN
        RAISE EXCEPTION 'the recipient was not approved'
            USING ERRCODE = 'GC115', DETAIL = jsonb_build_object('approval', 'rejected')::text;
    END IF;
END
$$;

-- Charge a redemption: what is left on the campaign's own account first, where it covers the
-- whole charge, else the account the campaign names. Raises GC006 when neither can pay, GC008
-- when the campaign's account keeps another currency than the reward's.
CREATE OR REPLACE FUNCTION redemption_charge(
    p_transaction_id uuid,
    p_own_account_id uuid,
    p_account_id uuid,
    p_amount_minor bigint,
    p_currency text,
    p_redemption_id uuid,
    p_debit_number integer,
    p_actor text,
    p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_balance bigint;
    v_reference constant text := format('redemption:%s:%s', p_redemption_id, p_debit_number);
BEGIN
    IF p_own_account_id IS DISTINCT FROM p_account_id AND p_own_account_id IS NOT NULL THEN
        v_balance := credit_debit_account(p_transaction_id, p_own_account_id, p_amount_minor,
            p_currency, 'redemption', 'consumed', v_reference, p_actor, p_now);
    END IF;
    IF v_balance IS NULL THEN
        v_balance := credit_debit_account(p_transaction_id, p_account_id, p_amount_minor,
            p_currency, 'redemption', 'consumed', v_reference, p_actor, p_now);
    END IF;
    IF v_balance IS NULL AND NOT EXISTS (
        SELECT 1 FROM credit_account WHERE id = p_account_id AND currency = p_currency)
    THEN
        RAISE EXCEPTION 'account % is not kept in %', p_account_id, p_currency
            USING ERRCODE = 'GC008';
    END IF;
    IF v_balance IS NULL THEN
        RAISE EXCEPTION 'account % can not pay %', p_account_id, p_amount_minor
            USING ERRCODE = 'GC006', DETAIL = jsonb_build_object(
                'account_id', p_account_id, 'amount_minor', p_amount_minor)::text;
    END IF;
    RETURN v_balance;
END
$$;

-- Tell whether a campaign that takes nobody new is open to one recipient all the same.
CREATE OR REPLACE FUNCTION redemption_is_open_to(
    p_recipient_id uuid,
    p_status text,
    p_is_test boolean,
    p_condition_number integer,
    p_resume boolean
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN
        -- Out of credit: who has asked before reads again what became of it, as after a double
        -- click on the reward that was the last.
        p_status = 'depleted' AND EXISTS (
            SELECT 1 FROM redemption_redemption r
            JOIN redemption_condition k ON k.id = r.condition_id
            WHERE r.recipient_id = p_recipient_id AND r.state <> 'failed'
                AND (p_condition_number IS NULL OR k.number = p_condition_number)
                AND NOT (p_resume AND r.state LIKE 'waiting\_%'))
        -- A campaign is tried out before it begins; who has begun in earnest waits for it.
        OR p_is_test AND NOT EXISTS (
            SELECT 1 FROM redemption_redemption r
            WHERE r.recipient_id = p_recipient_id AND NOT r.is_test AND r.state <> 'failed');
END
$$;

-- Refuse whoever named no condition where there are several (how many: p_choices), or one that is
-- not there.
CREATE OR REPLACE FUNCTION redemption_refuse_choice(p_choices bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'choose one of the campaign''s conditions'
        USING ERRCODE = 'GC012', DETAIL = jsonb_build_object('errors', jsonb_build_object(
            'condition_number', jsonb_build_array(CASE
                WHEN p_choices > 1 THEN 'This campaign has several: name one.'
                ELSE 'This campaign has no such condition.' END)))::text;
END
$$;

-- Keep what an idempotency key was answered; of two at once the second is sent back to read it.
CREATE OR REPLACE FUNCTION redemption_keep_answer(
    p_owner text,
    p_key text,
    p_fingerprint bytea,
    p_redemption_id uuid,
    p_state text,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO credit_idempotencyrecord
        (owner, key, fingerprint, status, object_id, state, created_at)
    VALUES (p_owner, p_key, p_fingerprint, CASE WHEN p_state = 'issued' THEN 201 ELSE 202 END,
        p_redemption_id, p_state, p_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this key was answered meanwhile' USING ERRCODE = 'GC900';
    END IF;
END
$$;
