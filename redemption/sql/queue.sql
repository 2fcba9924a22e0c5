-- What the words of a message about a reward are made of. Plain SQL with nothing pinned: so the
-- planner puts it in line, and the hot path pays no call for it.
CREATE OR REPLACE FUNCTION redemption_message_values(
    p_first_name text,
    p_last_name text,
    p_brand text,
    p_value_minor bigint,
    p_currency text,
    p_company text,
    p_expires_on date,
    p_is_test boolean
) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('first_name', p_first_name, 'last_name', p_last_name,
        'brand', p_brand, 'value_minor', p_value_minor, 'currency', p_currency,
        'company', p_company, 'expires_on', p_expires_on, 'is_test', p_is_test)
$$;

-- Promise a message about a redemption to where its recipient asked for it; NULL for who asked
-- for none. For all but the hot path, which has every value at hand.
CREATE OR REPLACE FUNCTION redemption_queue_message(
    p_redemption_id uuid,
    p_purpose text,
    p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid;
BEGIN
    SELECT sms_queue_message(gen_random_uuid(), r.client_id, p_purpose, r.contact_method,
            r.contact_to, c.locale,
            redemption_message_values(p.first_name, p.last_name, b.name, r.face_value_minor,
                r.currency, cl.name, g.expires_on, r.is_test),
            'redemption', r.id, r.request_id, p_now)
        INTO v_id
        FROM redemption_redemption r
        JOIN redemption_recipient p ON p.id = r.recipient_id
        JOIN redemption_campaign c ON c.id = r.campaign_id
        JOIN credit_client cl ON cl.id = r.client_id
        JOIN redemption_condition k ON k.id = r.condition_id
        LEFT JOIN giftcards_brand b ON b.id = k.brand_id
        LEFT JOIN giftcards_giftcard g ON g.id = r.card_id
        WHERE r.id = p_redemption_id AND r.contact_method <> 'none';
    RETURN v_id;
END
$$;

-- Give a redemption its place among those who wait for cards, and tell its recipient that it
-- takes longer: once, however often it comes back here. It keeps its first place, which is behind
-- those who have asked before p_since: whose card could not be bought has waited since then.
-- Whoever can be called is: they are promised it, and the desk has it on its list.
CREATE OR REPLACE FUNCTION redemption_join_queue(
    p_redemption_id uuid,
    p_since timestamptz,
    p_call_back_by timestamptz,
    p_promised_by timestamptz,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_reward record;
BEGIN
    INSERT INTO redemption_pendingreward
        (redemption_id, reason_code, call_back_by, promised_by, created_at)
    VALUES (p_redemption_id, 'GC-003', p_call_back_by, p_promised_by, p_since)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM redemption_queue_message(p_redemption_id, 'delay_notice', p_now);
        SELECT r.client_id, r.recipient_id,
                CASE r.contact_method WHEN 'sms' THEN r.contact_to ELSE p.phone END AS phone
            INTO v_reward
            FROM redemption_redemption r JOIN redemption_recipient p ON p.id = r.recipient_id
            WHERE r.id = p_redemption_id;
        IF v_reward.phone <> '' THEN
            PERFORM redemption_open_task('call_back', v_reward.client_id, v_reward.recipient_id,
                p_redemption_id, v_reward.phone, 'No card is left for this reward. Say that it'
                ' takes longer: it comes by itself as soon as there are cards.',
                p_call_back_by, 'system', p_now);
        END IF;
    END IF;
END
$$;
