-- Whose rows a statement may see: Note [Scope] in alerts/scope.py. The setting holds "*" or the
-- ids of organisations (agencies with all their clients, or clients) by comma. Empty or unset
-- means none.
--
-- Note [Row-level security]
-- ENABLE, not FORCE: the tables' owner is not bound by the policies, and the runtime role owns
-- nothing. So functions and constraint triggers with their owner's rights see every row; bound
-- by a tenant's scope the zero-sum check would see one side of an allocation and refuse it.
-- In a policy each of these is asked within a SELECT of its own, which PostgreSQL runs once for
-- a statement and not once for a row.
CREATE OR REPLACE FUNCTION credit_sees_everything() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('giftline.scope', true), '') = '*'
$$;

CREATE OR REPLACE FUNCTION credit_scope_organisations() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(current_setting('giftline.scope', true), '') IN ('', '*')
        THEN '{}'::uuid[]
        ELSE string_to_array(current_setting('giftline.scope', true), ',')::uuid[] END
$$;

-- The clients in scope: those named and those of the agencies named.
CREATE OR REPLACE FUNCTION credit_scope_clients() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(id), '{}') FROM credit_client
    WHERE id = ANY (credit_scope_organisations()) OR agency_id = ANY (credit_scope_organisations())
$$;

-- The agencies in scope, and those that the clients in scope belong to, whose name they know.
CREATE OR REPLACE FUNCTION credit_known_agencies() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT credit_scope_organisations() || coalesce(array_agg(agency_id), '{}')
    FROM credit_client WHERE id = ANY (credit_scope_organisations())
$$;

-- Show a table's rows to those who see everything, and to others where the condition holds:
-- for every command, or for reading only (then writing is left to those who see everything).
--
-- PostgreSQL asks the policies of a table from the last name to the first, and stops at the first
-- that holds. `unlimited` comes after `tenant` in the alphabet, so who sees everything is asked
-- nothing else; the other way round a tenant's condition with EXISTS reads all rewards first.
CREATE OR REPLACE FUNCTION credit_show_where(
    p_table regclass, p_condition text, p_command text DEFAULT 'ALL'
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('DROP POLICY IF EXISTS unlimited ON %s', p_table);
    EXECUTE format('CREATE POLICY unlimited ON %s USING ((SELECT credit_sees_everything()))',
        p_table);
    EXECUTE format('DROP POLICY IF EXISTS tenant ON %s', p_table);
    EXECUTE format('CREATE POLICY tenant ON %s FOR %s USING (%s)', p_table, p_command,
        p_condition);
END
$$;

CREATE OR REPLACE FUNCTION credit_show_to_client(p_table regclass) RETURNS void
LANGUAGE sql AS $$
    SELECT credit_show_where(p_table, 'client_id = ANY ((SELECT credit_scope_clients())::uuid[])')
$$;
