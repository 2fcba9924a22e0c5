-- Figures for /metrics, each with its owner's rights: a policy's question about each row (whose
-- redemption, whose order is it?) would have all redemptions and orders read for them. They say
-- how many and how long, never whose.

CREATE OR REPLACE FUNCTION redemption_metric_refusals(p_since timestamptz)
RETURNS TABLE (code text, refusals bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT t.error_code::text, count(*) FROM redemption_provisioningtrace t
        WHERE t.status = 'refused' AND t.at > p_since GROUP BY 1;
END
$$;

CREATE OR REPLACE FUNCTION redemption_metric_claims(p_since timestamptz)
RETURNS TABLE (quantile text, seconds numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT named.quantile, named.ms::numeric / 1000 FROM (
        SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99])
            WITHIN GROUP (ORDER BY t.milliseconds) AS each
        FROM redemption_provisioningtrace t
        WHERE t.at > p_since AND t.step = 'claim_card' AND t.status = 'ok'
    ) AS measured, unnest(ARRAY['0.5', '0.95', '0.99'], measured.each) AS named (quantile, ms)
    WHERE named.ms IS NOT NULL;
END
$$;

-- Provider events have no index by their time: the newest 20,000 are looked through.
CREATE OR REPLACE FUNCTION redemption_metric_provider_answers(p_since timestamptz)
RETURNS TABLE (provider text, asked text, outcome text, answers bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT o.provider::text, newest.asked::text, newest.outcome::text, count(*)
        FROM (SELECT e.order_id, e.at, e.asked, e.outcome FROM giftcards_providerorderevent e
            ORDER BY e.id DESC LIMIT 20000) AS newest
            JOIN giftcards_providerorder o ON o.id = newest.order_id
        WHERE newest.at > p_since GROUP BY 1, 2, 3;
END
$$;

-- Of the cards in stock alone, which are those that the claim's own index holds.
CREATE OR REPLACE FUNCTION redemption_metric_stock()
RETURNS TABLE (pool_id uuid, name text, cards bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT p.id, p.name::text, stock.cards FROM giftcards_pool p, LATERAL (
        SELECT count(*) AS cards FROM giftcards_giftcard c
        WHERE c.pool_id = p.id AND c.status = 'available'
    ) AS stock WHERE p.archived_at IS NULL;
END
$$;
