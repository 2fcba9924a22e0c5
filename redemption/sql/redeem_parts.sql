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
