-- Make cards of the staged rows of an upload whose digests are from p_from up to p_to; return how
-- many, fewer where a code is the brand's already.
--
-- The owner's, so that row-level security is not asked about a million rows one by one; the
-- caller has found the pool by what it may see.
CREATE OR REPLACE FUNCTION giftcards_stock_staged(
    p_batch_id uuid, p_pool_id uuid, p_source text, p_from bytea, p_to bytea, p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '64MB'
AS $$
DECLARE
    v_pool giftcards_pool;
    v_worth giftcards_denomination;
    v_count bigint;
BEGIN
    SELECT * INTO STRICT v_pool FROM giftcards_pool WHERE id = p_pool_id;
    SELECT * INTO STRICT v_worth FROM giftcards_denomination WHERE id = v_pool.denomination_id;
    -- In the order of the digests, so that the two largest indexes grow at one end. A code that is
    -- there already, or is just being written by somebody else, is left out, and the count tells.
    -- Of two lines with one code the first goes in.
    INSERT INTO giftcards_giftcard
        (pool_id, brand_id, client_id, batch_id, code_encrypted, code_digest, last4,
         pin_encrypted, number_encrypted, value_minor, currency, cost_minor, source, expires_on,
         expiry_bucket, claim_key, created_at)
    SELECT v_pool.id, v_pool.brand_id, v_pool.client_id, s.batch_id, s.code_encrypted,
        s.code_digest, s.last4, s.pin_encrypted, s.number_encrypted, v_worth.value_minor,
        v_worth.currency, v_pool.cost_per_card_minor, p_source, s.expires_on, s.expiry_bucket,
        s.claim_key, p_now
    FROM giftcards_stagedcard s
    WHERE s.batch_id = p_batch_id AND s.code_digest >= p_from AND s.code_digest < p_to
    ORDER BY s.code_digest, s.line
    ON CONFLICT (brand_id, code_digest) DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
