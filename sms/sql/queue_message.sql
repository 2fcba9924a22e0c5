-- Promise a message: the row is the promise, due at once. Whoever sends it finds it here.
CREATE OR REPLACE FUNCTION sms_queue_message(
    p_id uuid,
    p_client_id uuid,
    p_purpose text,
    p_channel text,
    p_to text,
    p_locale text,
    p_values jsonb,
    p_reference_kind text,
    p_reference_id uuid,
    p_request_id text,
    p_now timestamptz
) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO sms_message
        (id, client_id, purpose, channel, "to", locale, "values", reference_kind, reference_id,
         request_id, state, next_attempt_at, created_at)
    VALUES (p_id, p_client_id, p_purpose, p_channel, p_to, p_locale, p_values, p_reference_kind,
        p_reference_id, p_request_id, 'queued', p_now, p_now)
    RETURNING id
$$;
