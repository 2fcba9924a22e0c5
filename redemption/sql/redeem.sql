-- From a code to a card: one statement, one transaction, everything or nothing.
--
-- Note [Lock order]
-- Everywhere in the project rows are locked in the order recipient → card → account, accounts
-- among themselves from the lowest level up (campaign, client, agency), then by id: a charge
-- tries the campaign's own account before its client's, and an UPDATE that finds the balance
-- gone after a wait keeps the row locked. The recipient's row makes two callers with one code
-- queue up, so that the second reads a polite answer; UNIQUE (recipient, condition) would stop
-- it too, but with an error nobody wants to read. The account comes last: it is the hottest
-- row, and from its UPDATE to the commit everybody else on that budget waits. Only the day's
-- count of a capped campaign comes later still: Note [Caps] in rules.sql.
--
-- Note [Returned, not raised]
-- What only waits (stock, approval, opt-in) is returned: its row stays. What is refused is
-- raised with the catalogue's code as SQLSTATE: nothing stays, and the caller writes the trace
-- of it in a second statement.
CREATE OR REPLACE FUNCTION redemption_redeem(
    p_redemption_id uuid,
    p_code_digest bytea,
    p_recipient_id uuid,
    p_condition_number integer,
    p_scope_kind text,
    p_scope_id uuid,
    p_door text,
    p_actor text,
    p_contact_method text,
    p_contact_to text,
    p_disclose boolean,
    p_resume boolean,
    -- The second factor that was shown and is right, '' for none, 'vouched' where somebody knows
    -- the person: an agent on the phone, the client's own CRM.
    p_proven text,
    p_message_id uuid,
    p_reveal_digest bytea,
    p_reveal_until timestamptz,
    p_call_back_by timestamptz,
    p_promised_by timestamptz,
    p_providers text[],
    p_browser_digest bytea,
    p_request_id text,
    p_ip inet,
    p_user_agent text,
    p_idempotency_owner text,
    p_idempotency_key text,
    p_idempotency_fingerprint bytea,
    p_now timestamptz,
    OUT redemption_id uuid,
    OUT state text,
    OUT reason_code text,
    OUT client_id uuid,
    OUT campaign_id uuid,
    OUT recipient_id uuid,
    OUT condition_number integer,
    OUT is_test boolean,
    OUT source text,
    OUT face_value_minor bigint,
    OUT charged_minor bigint,
    OUT currency text,
    OUT balance_minor bigint,
    OUT brand_name text,
    OUT brand_redemption_url text,
    OUT card_id uuid,
    OUT code_encrypted text,
    OUT pin_encrypted text,
    OUT number_encrypted text,
    OUT url_encrypted text,
    OUT last4 text,
    OUT expires_on date,
    OUT message_id uuid,
    OUT created_at timestamptz,
    OUT issued_at timestamptz,
    OUT is_ordered boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    v_recipient record;
    v_offer record;
    v_waiting record;
    v_card giftcards_giftcard;
    -- A provider has been asked for its card and has not answered for good.
    v_is_under_way boolean := false;
    v_has_looked_further boolean := false;
    v_further record;
    v_transaction_id uuid;
    v_debits integer := 0;
    v_claimed_at timestamptz;
    v_queued_at timestamptz;
    v_debited_at timestamptz;
BEGIN
    PERFORM set_config('giftline.actor', p_actor, true), set_config('giftline.reason', '', true);
    -- Two statements, since one with "by code or by id" would be planned anew at every call.
    IF p_code_digest IS NOT NULL THEN
        SELECT r.id INTO p_recipient_id FROM redemption_recipient r
            WHERE r.code_digest = p_code_digest;
    END IF;
    SELECT r.id, r.first_name, r.last_name, r.approval, r.is_test OR c.test_mode AS is_test,
            r.created_at, c.id AS campaign_id, c.status, c.starts_at, c.ends_at, c.claim_expires_at,
            c.account_id, c.own_account_id, c.opt_in_required, c.approval_required,
            c.queue_when_empty, c.locale, c.second_factor, c.cap_per_day, c.cap_per_recipient,
            cl.id AS client_id, cl.name AS client_name, cl.agency_id,
            cl.is_active AND ag.is_active AS is_active
        INTO v_recipient
        FROM redemption_recipient r
        JOIN redemption_campaign c ON c.id = r.campaign_id
        JOIN credit_client cl ON cl.id = c.client_id
        JOIN credit_agency ag ON ag.id = cl.agency_id
        WHERE r.id = p_recipient_id
            AND (p_scope_kind = 'platform'
                OR p_scope_kind = 'client' AND cl.id = p_scope_id
                OR p_scope_kind = 'agency' AND cl.agency_id = p_scope_id)
        FOR NO KEY UPDATE OF r;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such code in scope' USING ERRCODE = 'GC011';
    END IF;
    -- Only now: a repeat that came while the first was running has waited for the lock above.
    IF p_idempotency_key IS NOT NULL AND EXISTS (
        SELECT 1 FROM credit_idempotencyrecord
        WHERE owner = p_idempotency_owner AND key = p_idempotency_key)
    THEN
        RAISE EXCEPTION 'this key was answered before' USING ERRCODE = 'GC900';
    END IF;
    IF v_recipient.status IN ('draft', 'paused', 'depleted') AND redemption_is_open_to(
        v_recipient.id, v_recipient.status, v_recipient.is_test, p_condition_number, p_resume)
    THEN
        v_recipient.status := 'active';
        v_recipient.starts_at := NULL;
    END IF;
    PERFORM redemption_check_open(
        v_recipient.status, v_recipient.is_active, v_recipient.starts_at, v_recipient.ends_at,
        v_recipient.claim_expires_at, v_recipient.approval, p_now);
    -- Before anything is told about what the code was used for.
    IF v_recipient.second_factor <> '' AND NOT p_resume
        AND coalesce(p_proven, '') NOT IN (v_recipient.second_factor, 'vouched')
    THEN
        PERFORM redemption_refuse_unproven(v_recipient.id, v_recipient.second_factor);
    END IF;

    SELECT k.id, k.number, k.pool_id, k.card_value_minor, k.currency,
            b.id AS brand_id, b.name AS brand_name, b.redemption_url,
            o.denomination_id, o.is_offered, o.price_minor,
            count(*) OVER () AS choices
        INTO v_offer
        FROM redemption_condition k
        LEFT JOIN giftcards_brand b ON b.id = k.brand_id
        LEFT JOIN LATERAL giftcards_find_offer(v_recipient.agency_id, v_recipient.client_id,
            k.brand_id, k.card_value_minor, k.currency) o ON true
        WHERE k.campaign_id = v_recipient.campaign_id AND k.is_active
            AND (p_condition_number IS NULL OR k.number = p_condition_number)
        ORDER BY k.number LIMIT 1;
    IF NOT FOUND OR p_condition_number IS NULL AND v_offer.choices > 1 THEN
        PERFORM redemption_refuse_choice(v_offer.choices);
    END IF;
    IF v_offer.brand_id IS NULL OR v_offer.card_value_minor IS NULL THEN
        RAISE EXCEPTION 'condition % has no brand or value', v_offer.id
            USING ERRCODE = 'GC001';
    END IF;
    IF v_recipient.account_id IS NULL AND NOT v_recipient.is_test THEN
        RAISE EXCEPTION 'campaign % has no account', v_recipient.campaign_id
            USING ERRCODE = 'GC008';
    END IF;

    client_id := v_recipient.client_id;
    campaign_id := v_recipient.campaign_id;
    recipient_id := v_recipient.id;
    is_test := v_recipient.is_test;
    condition_number := v_offer.number;
    brand_name := v_offer.brand_name;
    brand_redemption_url := v_offer.redemption_url;
    currency := v_offer.currency;
    face_value_minor := v_offer.card_value_minor;
    redemption_id := p_redemption_id;
    created_at := p_now;
    is_ordered := false;

    SELECT r.id, r.state, r.created_at, r.debits, r.contact_method, r.contact_to, r.reason_code,
            r.is_test
        INTO v_waiting
        FROM redemption_redemption r
        WHERE r.recipient_id = v_recipient.id AND r.condition_id = v_offer.id
            AND r.state <> 'failed';
    IF FOUND THEN
        redemption_id := v_waiting.id;
        created_at := v_waiting.created_at;
        v_is_under_way := v_waiting.state IN ('provisioning', 'unconfirmed') AND NOT p_resume;
        IF v_waiting.state NOT LIKE 'waiting\_%' AND NOT v_is_under_way THEN
            RAISE EXCEPTION 'already provisioned'
                USING ERRCODE = 'GC010', DETAIL = jsonb_build_object(
                    'redemption_id', v_waiting.id, 'state', v_waiting.state)::text;
        END IF;
        v_debits := v_waiting.debits;
        -- What began in earnest, or as a test, goes on so, whatever the campaign is by now.
        v_recipient.is_test := v_waiting.is_test;
        is_test := v_waiting.is_test;
        IF p_resume OR v_is_under_way THEN
            p_contact_method := v_waiting.contact_method;
            p_contact_to := v_waiting.contact_to;
        END IF;
    ELSIF p_resume THEN
        -- It failed since the queue was read: nobody has asked anew, so nobody is served.
        RAISE EXCEPTION 'nothing waits' USING ERRCODE = 'GC115';
    END IF;
    -- Not before: who has their card, or for whom one is being bought, still gets it when its
    -- brand is no longer offered.
    IF v_offer.is_offered IS DISTINCT FROM true AND NOT v_is_under_way THEN
        RAISE EXCEPTION 'brand or value of condition % is not offered', v_offer.id
            USING ERRCODE = 'GC002';
    END IF;
    IF v_waiting.id IS NULL AND NOT is_test
        AND (v_recipient.cap_per_day IS NOT NULL OR v_recipient.cap_per_recipient IS NOT NULL)
    THEN
        PERFORM redemption_check_caps(v_recipient.campaign_id, v_recipient.id,
            v_recipient.cap_per_day, v_recipient.cap_per_recipient, p_now);
    END IF;

    -- What it still waits for, if anything. Stock is the queue's to hand out, in its order:
    -- asking again does not jump it.
    IF v_is_under_way THEN
        state := v_waiting.state;
        reason_code := v_waiting.reason_code;
    ELSIF v_recipient.approval = 'pending'
        OR v_recipient.approval_required AND v_recipient.approval <> 'approved'
    THEN
        state := 'waiting_approval';
        reason_code := 'GC-103';
    ELSIF v_recipient.opt_in_required AND p_contact_method = 'sms' AND NOT EXISTS (
        SELECT 1 FROM sms_optin o WHERE o.client_id = v_recipient.client_id
            AND o.phone = p_contact_to AND o.state = 'granted')
    THEN
        state := 'waiting_opt_in';
        reason_code := 'GC-009';
    ELSIF v_waiting.state = 'waiting_stock' AND NOT p_resume THEN
        state := 'waiting_stock';
        reason_code := 'GC-003';
    ELSIF v_recipient.is_test THEN
        state := 'issued';
    ELSE
        v_card := giftcards_provision_from_stock(v_offer.pool_id, v_recipient.client_id,
            v_offer.denomination_id, 'redemption', redemption_id, p_now);
        v_has_looked_further := v_card.id IS NULL;
        IF v_has_looked_further THEN
            SELECT * INTO v_further FROM redemption_look_further(redemption_id, v_offer.pool_id,
                v_recipient.client_id, v_offer.denomination_id, v_recipient.queue_when_empty,
                p_providers, p_request_id, p_now);
            v_card := v_further.card;
        END IF;
        v_claimed_at := clock_timestamp();
        IF v_card.id IS NULL THEN
            state := v_further.state;
            is_ordered := state = 'provisioning';
            reason_code := v_further.reason_code;
        ELSIF (v_card.brand_id, v_card.value_minor, v_card.currency)
            <> (v_offer.brand_id, v_offer.card_value_minor, v_offer.currency)
        THEN
            RAISE EXCEPTION 'card % is not what its pool promises', v_card.id
                USING ERRCODE = 'check_violation';
        ELSE
            state := 'issued';
        END IF;
    END IF;
    -- Who waits may correct where it goes; asking without an address takes none away.
    IF v_waiting.id IS NOT NULL AND state <> 'issued' AND p_contact_method = 'none' THEN
        p_contact_method := v_waiting.contact_method;
        p_contact_to := v_waiting.contact_to;
    END IF;

    IF state = 'issued' THEN
        issued_at := p_now;
        IF p_contact_method <> 'none' THEN
            message_id := sms_queue_message(p_message_id, client_id, 'reward', p_contact_method,
                p_contact_to, v_recipient.locale,
                redemption_message_values(v_recipient.first_name, v_recipient.last_name,
                    brand_name, face_value_minor, currency, v_recipient.client_name,
                    v_card.expires_on, is_test),
                'redemption', redemption_id, p_request_id, p_now);
        END IF;
        v_queued_at := clock_timestamp();
        IF is_test THEN
            charged_minor := 0;
        ELSE
            IF p_disclose THEN
                v_card := giftcards_disclose_card(v_card.id, p_now);
            END IF;
            card_id := v_card.id;
            code_encrypted := v_card.code_encrypted;
            pin_encrypted := v_card.pin_encrypted;
            number_encrypted := v_card.number_encrypted;
            url_encrypted := v_card.url_encrypted;
            last4 := v_card.last4;
            expires_on := v_card.expires_on;
            source := CASE v_card.source WHEN 'api' THEN 'api' WHEN 'buffer' THEN 'buffer'
                ELSE 'csv' END;
            IF v_card.cost_minor IS NULL THEN
                SELECT p.cost_per_card_minor INTO v_card.cost_minor
                    FROM giftcards_pool p WHERE p.id = v_card.pool_id;
            END IF;
            -- A card that the client has bought is paid: see giftcards/sql/sell_cards.sql.
            IF v_card.sale_id IS NOT NULL THEN
                charged_minor := 0;
            ELSE
                charged_minor := v_offer.price_minor;
                v_transaction_id := gen_random_uuid();
                v_debits := v_debits + 1;
            END IF;
        END IF;
    END IF;

    IF v_waiting.id IS NULL THEN
        INSERT INTO redemption_redemption
            (id, client_id, campaign_id, recipient_id, condition_id, card_id, transaction_id,
             state, reason_code, door, actor, source, face_value_minor, cost_minor, charged_minor,
             currency, debits, is_test, contact_method, contact_to, ip_address, user_agent,
             browser_digest, request_id, created_at, code_age_hours, issued_at, delivered_at)
        VALUES (redemption_id, client_id, campaign_id, v_recipient.id, v_offer.id, card_id,
            v_transaction_id,
            CASE WHEN p_disclose AND state = 'issued' THEN 'delivered' ELSE state END,
            coalesce(reason_code, ''), p_door, p_actor, coalesce(source, ''), face_value_minor,
            v_card.cost_minor, charged_minor, currency, v_debits, is_test, p_contact_method,
            p_contact_to, p_ip, p_user_agent, p_browser_digest, p_request_id, p_now,
            redemption_code_age_hours(p_now - v_recipient.created_at), issued_at,
            CASE WHEN p_disclose AND state = 'issued' THEN p_now END);
    ELSIF (state, coalesce(reason_code, ''), p_contact_method, p_contact_to) <> (v_waiting.state,
        v_waiting.reason_code, v_waiting.contact_method, v_waiting.contact_to)
    THEN
        UPDATE redemption_redemption u
            SET state = CASE WHEN p_disclose AND redemption_redeem.state = 'issued'
                    THEN 'delivered' ELSE redemption_redeem.state END,
                reason_code = coalesce(redemption_redeem.reason_code, ''),
                card_id = redemption_redeem.card_id, transaction_id = v_transaction_id,
                source = coalesce(redemption_redeem.source, ''),
                cost_minor = v_card.cost_minor, charged_minor = redemption_redeem.charged_minor,
                debits = v_debits, contact_method = p_contact_method, contact_to = p_contact_to,
                issued_at = redemption_redeem.issued_at,
                delivered_at = CASE WHEN p_disclose AND redemption_redeem.state = 'issued'
                    THEN p_now END
            WHERE u.id = redemption_redeem.redemption_id;
    END IF;

    IF state = 'waiting_stock' THEN
        PERFORM redemption_join_queue(
            redemption_id, p_now, p_call_back_by, p_promised_by, p_now);
    ELSIF state = 'issued' AND v_waiting.id IS NOT NULL THEN
        UPDATE redemption_pendingreward p SET served_at = p_now
            WHERE p.redemption_id = redemption_redeem.redemption_id AND p.served_at IS NULL;
    END IF;

    -- The link's token hangs on the redemption's id, which only the first call brings along: so
    -- the link is there from the beginning and opens something once the card is issued.
    IF v_waiting.id IS NULL THEN
        INSERT INTO redemption_reveallink
            (token_digest, redemption_id, version, expires_at, created_at)
        VALUES (p_reveal_digest, redemption_id, 1, p_reveal_until, p_now);
    ELSIF state = 'issued' THEN
        UPDATE redemption_reveallink l SET expires_at = p_reveal_until
            WHERE l.redemption_id = redemption_redeem.redemption_id AND l.revoked_at IS NULL;
    END IF;

    IF p_idempotency_key IS NOT NULL THEN
        PERFORM redemption_keep_answer(p_idempotency_owner, p_idempotency_key,
            p_idempotency_fingerprint, redemption_id, state, p_now);
    END IF;

    IF v_transaction_id IS NOT NULL THEN
        balance_minor := redemption_charge(v_transaction_id, v_recipient.own_account_id,
            v_recipient.account_id, charged_minor, currency, redemption_id, v_debits, p_actor,
            p_now);
        v_debited_at := clock_timestamp();
    ELSIF is_ordered THEN
        v_queued_at := clock_timestamp();
        PERFORM giftcards_place_order(gen_random_uuid(), v_further.route_pool_id,
            v_offer.denomination_id, client_id, v_further.provider, v_further.provider_slug,
            'redemption', redemption_id, ARRAY[v_recipient.own_account_id, v_recipient.account_id],
            v_offer.price_minor, currency, p_actor, p_request_id, p_now);
        PERFORM redemption_trace(p_request_id, redemption_id, 'place_order', 'ok', '',
            v_further.provider, v_queued_at, p_now);
    END IF;
    IF v_recipient.cap_per_day IS NOT NULL AND v_waiting.id IS NULL AND NOT is_test THEN
        PERFORM redemption_count_claim(
            v_recipient.campaign_id, v_recipient.cap_per_day, p_now);
    END IF;
    IF is_ordered THEN
        RETURN;
    END IF;

    INSERT INTO redemption_provisioningtrace
        (request_id, redemption_id, step, status, error_code, message, milliseconds, at)
    SELECT p_request_id, redemption_id, t.step, t.status, coalesce(t.code, ''), t.message,
        extract(epoch FROM t.until - t.since) * 1000, p_now
    FROM (VALUES
        ('claim_card', 'ok', NULL, 'uploaded cards', statement_timestamp(),
            CASE WHEN NOT v_has_looked_further THEN v_claimed_at END),
        ('queue_message', 'ok', NULL, '', v_claimed_at, v_queued_at),
        ('debit_account', 'ok', NULL, '', v_queued_at, v_debited_at),
        ('wait', state, reason_code, '', statement_timestamp(),
            CASE WHEN v_claimed_at IS NULL AND state <> 'issued' THEN clock_timestamp() END)
    ) AS t (step, status, code, message, since, until)
    WHERE t.until IS NOT NULL AND t.since IS NOT NULL;
END
$$;
