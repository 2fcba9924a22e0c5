-- What was asked of a person stays what it was, and what is done is not undone: a task that has
-- to be done again is another one. Number and notes may go, when the person's data are erased.
CREATE OR REPLACE FUNCTION redemption_check_task_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.client_id, NEW.kind, NEW.recipient_id, NEW.redemption_id, NEW.created_at,
            NEW.created_by)
        IS DISTINCT FROM (OLD.id, OLD.client_id, OLD.kind, OLD.recipient_id, OLD.redemption_id,
            OLD.created_at, OLD.created_by)
    THEN
        RAISE EXCEPTION 'task % is about what it was opened for', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_desktask_stays';
    END IF;
    IF OLD.done_at IS NOT NULL
        AND (NEW.done_at, NEW.done_by_id, NEW.outcome, NEW.due_at)
            IS DISTINCT FROM (OLD.done_at, OLD.done_by_id, OLD.outcome, OLD.due_at)
    THEN
        RAISE EXCEPTION 'task % is closed and never opens again', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_desktask_stays';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS redemption_desktask_stays ON redemption_desktask;
CREATE TRIGGER redemption_desktask_stays BEFORE UPDATE ON redemption_desktask
    FOR EACH ROW EXECUTE FUNCTION redemption_check_task_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_desktask
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_desktask
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- Put something on the list of what a person must do; the id of the task that stands for it, the
-- one that was open before where there is one of this kind about this redemption.
CREATE OR REPLACE FUNCTION redemption_open_task(
    p_kind text,
    p_client_id uuid,
    p_recipient_id uuid,
    p_redemption_id uuid,
    p_phone text,
    p_note text,
    p_due_at timestamptz,
    p_actor text,
    p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid;
BEGIN
    -- Twice at most: the one that was in the way may be closed between the two statements.
    FOR attempt IN 1..3 LOOP
        INSERT INTO redemption_desktask (id, client_id, kind, recipient_id, redemption_id, phone,
            note, due_at, created_at, created_by)
        VALUES (gen_random_uuid(), p_client_id, p_kind, p_recipient_id, p_redemption_id, p_phone,
            left(p_note, 500), p_due_at, p_now, p_actor)
        ON CONFLICT (redemption_id, kind) WHERE done_at IS NULL DO NOTHING
        RETURNING id INTO v_id;
        IF v_id IS NULL THEN
            SELECT id INTO v_id FROM redemption_desktask
                WHERE redemption_id = p_redemption_id AND kind = p_kind AND done_at IS NULL;
        END IF;
        EXIT WHEN v_id IS NOT NULL;
    END LOOP;
    RETURN v_id;
END
$$;

-- Note [Row-level security].
SELECT credit_show_to_client('redemption_desktask');
