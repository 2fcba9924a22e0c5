-- The key with this digest, while it is good: not revoked or expired, of an active organisation.
-- With its owner's rights, for it is asked before anybody knows who is looking. NULLs when
-- there is none; which of the reasons it was is not said. is_outside: it is good, but not from
-- this address; the caller refuses it in the same words and notes that somebody tried.
-- PL/pgSQL, since its plan is kept for the connection.
CREATE OR REPLACE FUNCTION credit_find_api_key(
    p_digest bytea,
    p_now timestamptz,
    p_address inet DEFAULT NULL,
    OUT id uuid,
    OUT owner_kind text,
    OUT agency_id uuid,
    OUT client_id uuid,
    OUT scopes text[],
    OUT last_used_at timestamptz,
    OUT refused_at timestamptz,
    OUT is_outside boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT k.id, k.owner_kind, k.agency_id, k.client_id, k.scopes, k.last_used_at, k.refused_at,
        -- An unknown address is in no network.
        k.allowed_networks <> '{}'
            AND (p_address <<= ANY (k.allowed_networks::cidr[])) IS NOT TRUE
    INTO id, owner_kind, agency_id, client_id, scopes, last_used_at, refused_at, is_outside
    FROM credit_apikey k
    LEFT JOIN credit_client c ON c.id = k.client_id
    LEFT JOIN credit_agency a ON a.id = coalesce(k.agency_id, c.agency_id)
    WHERE k.digest = p_digest AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > p_now)
        AND c.is_active IS NOT FALSE AND a.is_active IS NOT FALSE;
END
$$;
