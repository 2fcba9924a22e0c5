-- What was done stays in the records; why it was done may name a person, and is emptied when they
-- are forgotten: Note [Emptying]. Nothing else of a record ever changes.
CREATE OR REPLACE FUNCTION credit_check_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.details ? 'reason' AND NEW.details ->> 'reason' = ''
        AND OLD.details ->> 'reason' <> ''
        AND to_jsonb(NEW) - 'details' = to_jsonb(OLD) - 'details'
        AND NEW.details - 'reason' = OLD.details - 'reason'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows are facts, and a mistake is undone by a new row',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON credit_auditevent
    FOR EACH ROW EXECUTE FUNCTION credit_check_audit_change();

-- Empty the reasons of records about these objects that hold one of the marks, in any case.
CREATE OR REPLACE FUNCTION credit_forget_reasons(
    p_object_kinds text[], p_object_ids text[], p_marks text[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_count integer;
BEGIN
    UPDATE credit_auditevent SET details = jsonb_set(details, '{reason}', '""')
    WHERE object_kind = ANY (p_object_kinds) AND object_id = ANY (p_object_ids)
        AND details ->> 'reason' <> ''
        AND EXISTS (SELECT 1 FROM unnest(p_marks) AS mark
            WHERE mark <> '' AND strpos(lower(details ->> 'reason'), lower(mark)) > 0);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
