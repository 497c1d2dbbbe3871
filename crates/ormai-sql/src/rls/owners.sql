DO $body$
DECLARE
  made record;
BEGIN
  FOR made IN
    SELECT p.polrelid::regclass AS place, r.rolname AS role
    FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    JOIN pg_catalog.pg_roles r ON r.oid = ANY (p.polroles)
    WHERE starts_with(p.polname::text, 'ormai_') AND pg_has_role(r.oid, c.relowner, 'MEMBER')
  LOOP
    RAISE EXCEPTION 'role % owns % and could lift its policies', made.role, made.place;
  END LOOP;
END
$body$
