-- Count the cards of some pools by their status. With its owner's rights, for whoever has been
-- shown the pools: a policy's question about each card would have every card read, and not only
-- the index that holds what is counted.
CREATE OR REPLACE FUNCTION giftcards_count_cards(p_pool_ids uuid[])
RETURNS TABLE (pool_id uuid, status text, cards bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.pool_id, c.status::text, count(*) FROM giftcards_giftcard c
    WHERE c.pool_id = ANY (p_pool_ids) GROUP BY c.pool_id, c.status
$$;
