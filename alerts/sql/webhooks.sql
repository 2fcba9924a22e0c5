-- Promise an event to every endpoint that wants to hear of it: a row for each, in the transaction
-- of its cause. Note [Told once] in alerts/services/webhook_events.py.
--
-- A client's endpoint hears of what is the client's, an agency's of the agency and its clients,
-- the platform's of everything. A paused one hears of it later, a disabled one never.
-- With its owner's rights: whoever causes an event need not see who is told of it.
--
-- As it was before it kept the request: what is replaced can't get another argument.
DROP FUNCTION IF EXISTS alerts_emit_webhook(text, text, uuid, uuid, text, timestamptz);
CREATE OR REPLACE FUNCTION alerts_emit_webhook(
    p_type text, p_dedupe_key text, p_client_id uuid, p_agency_id uuid,
    -- JSON, as it is to be sent.
    p_data text, p_at timestamptz,
    -- The request that caused it, if any: Note [Request id].
    p_request_id text DEFAULT ''
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_event_id uuid := gen_random_uuid();
    v_count integer;
BEGIN
    INSERT INTO alerts_webhookdelivery
        (id, endpoint_id, event_id, event_type, dedupe_key, body, state, next_attempt_at,
         request_id)
    SELECT gen_random_uuid(), e.id, v_event_id, p_type, p_dedupe_key,
        format('{"type": "%s", "timestamp": "%s", "data": %s}', p_type,
            to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_data),
        'pending', now(), p_request_id
    FROM alerts_webhookendpoint e
    WHERE e.state <> 'disabled' AND p_type = ANY (e.events)
        AND (e.client_id = p_client_id OR e.agency_id = p_agency_id
            OR e.client_id IS NULL AND e.agency_id IS NULL)
    ON CONFLICT (endpoint_id, dedupe_key) DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
