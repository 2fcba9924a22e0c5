-- Note [Price]
-- Whether a value of a brand is offered, and what it costs the budget that pays for it. This is
-- the only place that knows: redemptions, pages and figures all ask here.
--   Offered: the platform has brand and value switched on, and neither the agency nor the client
--   has switched it off. No row is a yes.
--   Price: the agency's own price for the value, or else the face value with the agency's markup
--   for the brand, rounded half-up to the minor unit, once.

-- Not a division: numeric's would round to a scale of its own choice before round() does.
-- What is wider than the column becomes the widest there is, which no account can pay.
CREATE OR REPLACE FUNCTION giftcards_mark_up(
    p_face_value_minor bigint,
    p_markup_basis_points integer
) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT least(round(p_face_value_minor::numeric * (10000 + p_markup_basis_points) * 0.0001),
        9223372036854775807)::bigint
$$;

-- No rows when the brand has no such value. Without p_client_id: as offered to any client.
-- Neither SECURITY DEFINER nor with settings of its own, so that the planner takes it into the
-- query that calls it; whoever calls it must see the rows of the agency and the client. Those who
-- may not be so sure call one of the two functions below.
CREATE OR REPLACE FUNCTION giftcards_find_offer(
    p_agency_id uuid,
    p_client_id uuid,
    p_brand_id uuid,
    p_value_minor bigint,
    p_currency text
) RETURNS TABLE (denomination_id uuid, is_offered boolean, price_minor bigint)
LANGUAGE sql STABLE AS $$
    SELECT d.id,
        b.is_enabled AND d.is_enabled AND coalesce(ab.is_offered, true)
            AND coalesce(cb.is_offered, true) AND coalesce(cd.is_offered, true),
        coalesce(ap.price_minor,
            giftcards_mark_up(d.value_minor, coalesce(ab.markup_basis_points, 0)))
    FROM giftcards_denomination d
    JOIN giftcards_brand b ON b.id = d.brand_id
    LEFT JOIN giftcards_agencybrand ab ON ab.agency_id = p_agency_id AND ab.brand_id = d.brand_id
    LEFT JOIN giftcards_agencyprice ap ON ap.agency_id = p_agency_id AND ap.denomination_id = d.id
    LEFT JOIN giftcards_clientbrand cb ON cb.client_id = p_client_id AND cb.brand_id = d.brand_id
    LEFT JOIN giftcards_clientdenomination cd
        ON cd.client_id = p_client_id AND cd.denomination_id = d.id
    WHERE d.brand_id = p_brand_id AND d.value_minor = p_value_minor AND d.currency = p_currency
$$;

-- What a value costs the clients of an agency, in its currency's minor units.
CREATE OR REPLACE FUNCTION giftcards_price(
    p_agency_id uuid,
    p_denomination_id uuid
) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.price_minor
    FROM giftcards_denomination d
    CROSS JOIN LATERAL giftcards_find_offer(
        p_agency_id, NULL, d.brand_id, d.value_minor, d.currency) o
    WHERE d.id = p_denomination_id
$$;

-- Whether a value is offered to a client of an agency; without p_client_id, to any of them.
CREATE OR REPLACE FUNCTION giftcards_is_offered(
    p_agency_id uuid,
    p_client_id uuid,
    p_denomination_id uuid
) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.is_offered
    FROM giftcards_denomination d
    CROSS JOIN LATERAL giftcards_find_offer(
        p_agency_id, p_client_id, d.brand_id, d.value_minor, d.currency) o
    WHERE d.id = p_denomination_id
$$;
