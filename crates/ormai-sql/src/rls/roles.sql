DO $body$
DECLARE
  wanted text;
  place regclass;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[current_setting('ormai_rls.agent'), current_setting('ormai_rls.bypass'),
                                current_setting('ormai_rls.reader')] LOOP
    CONTINUE WHEN wanted = '';
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted AND (rolsuper OR rolbypassrls)) THEN
      RAISE EXCEPTION 'role % passes every policy: it is a superuser or has BYPASSRLS', wanted;
    END IF;
    -- What an earlier script granted and this one may not.
    FOR place IN
      SELECT c.oid FROM pg_catalog.pg_class c
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (
        EXISTS (SELECT FROM aclexplode(c.relacl) x WHERE x.grantee = quote_ident(wanted)::regrole)
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a, aclexplode(a.attacl) x
                   WHERE a.attrelid = c.oid AND x.grantee = quote_ident(wanted)::regrole))
    LOOP
      EXECUTE format('REVOKE ALL ON %s FROM %I', place, wanted);
    END LOOP;
  END LOOP;
END
$body$
