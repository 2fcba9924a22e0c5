-- The last step of the waterfall: may a provider be asked for a card, which one, and for which
-- pool? The pool that is named, or else the client's pools of that value, then the platform's,
-- then what is bought ahead; the first of them that may buy is the route's. problem says why it
-- can not be gone: 'none_allowed' (uploaded cards only), 'not_configured' (nobody is set up to sell
-- for that pool, or the brand has no name at the provider), 'closed' (the provider's circuit is
-- open, or it does not sell this value now); NULL means go. The pool and the provider are named
-- with a problem too, as far as they are known.
CREATE OR REPLACE FUNCTION giftcards_find_route(
    p_pool_id uuid,
    p_client_id uuid,
    p_denomination_id uuid,
    p_providers text[],
    p_now timestamptz,
    OUT pool_id uuid,
    OUT provider text,
    OUT provider_slug text,
    OUT problem text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_value_minor bigint;
    v_currency text;
BEGIN
    SELECT p.id, p.api_provider, b.provider_slug, d.value_minor, d.currency
        INTO pool_id, provider, provider_slug, v_value_minor, v_currency
        FROM giftcards_pool p
        JOIN giftcards_brand b ON b.id = p.brand_id
        JOIN giftcards_denomination d ON d.id = p.denomination_id
        WHERE p.denomination_id = p_denomination_id AND p.archived_at IS NULL
            AND p.purchase_method <> 'csv_only'
            AND (p.client_id IS NULL OR p.client_id = p_client_id)
            AND (p.id = p_pool_id OR p_pool_id IS NULL AND NOT p.reserved)
        ORDER BY array_position(ARRAY['client', 'master', 'buffer'], p.kind::text),
            p.created_at, p.id
        LIMIT 1;
    IF pool_id IS NULL THEN
        problem := 'none_allowed';
    ELSIF provider <> ALL (p_providers) OR provider_slug = '' THEN
        problem := 'not_configured';
    ELSIF NOT giftcards_sells_now(provider, provider_slug, v_value_minor, v_currency, p_now) THEN
        problem := 'closed';
    END IF;
END
$$;

-- Whether a provider is asked at all now, and sells that value of a brand as far as it told us.
CREATE OR REPLACE FUNCTION giftcards_sells_now(
    p_provider text,
    p_provider_slug text,
    p_value_minor bigint,
    p_currency text,
    p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN NOT EXISTS (
            SELECT 1 FROM giftcards_providercircuit c
            WHERE c.provider = p_provider AND c.opened_at IS NOT NULL
                AND (c.open_until IS NULL OR c.open_until > p_now))
        AND NOT EXISTS (
            SELECT 1 FROM giftcards_providerbrand b
            WHERE b.provider = p_provider AND b.slug = p_provider_slug
                AND NOT (b.state = 'enabled' AND b.can_be_issued AND b.currency = p_currency
                    AND CASE WHEN cardinality(b.denominations_minor) > 0
                        THEN p_value_minor = ANY (b.denominations_minor)
                        ELSE p_value_minor BETWEEN coalesce(b.lower_minor, p_value_minor)
                            AND coalesce(b.upper_minor, p_value_minor) END));
END
$$;
