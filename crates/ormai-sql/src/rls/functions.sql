CREATE FUNCTION ormai_rls.principal() RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  given jsonb;
BEGIN
  given := nullif(current_setting('ormai.principal', true), '')::jsonb;
  IF jsonb_typeof(given) IS DISTINCT FROM 'object'
    OR given - ARRAY['tenant_id', 'user_id', 'roles', 'metadata'] <> '{}'
    OR jsonb_typeof(coalesce(given -> 'metadata', '{}')) <> 'object'
    OR jsonb_typeof(coalesce(given -> 'roles', '[]')) <> 'array'
    OR EXISTS (SELECT FROM jsonb_array_elements(coalesce(given -> 'roles', '[]')) AS role
               WHERE jsonb_typeof(role) <> 'string')
  THEN
    RETURN NULL;
  END IF;
  RETURN given;
EXCEPTION WHEN others THEN
  RETURN NULL;
END
$body$;

CREATE FUNCTION ormai_rls.has_role(role text) RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(ormai_rls.principal() -> 'roles' ? role, false);

CREATE FUNCTION ormai_rls.read(value jsonb, kind text, words text[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  shape text := jsonb_typeof(value);
  written text := value #>> '{}';
  time_of_day text := E'([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?';
  fits boolean := false;
BEGIN
  IF kind = 'boolean' THEN
    fits := shape = 'boolean';
  ELSIF kind IN ('text', 'char') THEN
    fits := shape = 'string' AND written <> '' AND (words IS NULL OR written = ANY (words))
      AND NOT (kind = 'char' AND written LIKE '% ');
  ELSIF kind IN ('smallint', 'integer', 'bigint') THEN
    fits := (shape = 'number' AND written ~ '^-?[0-9]+$' OR shape = 'string' AND written ~ '^(0|-?[1-9][0-9]*)$')
      AND CASE kind
        WHEN 'smallint' THEN written::smallint IS NOT NULL
        WHEN 'integer' THEN written::integer IS NOT NULL
        ELSE written::bigint IS NOT NULL
      END;
  ELSIF kind = 'double precision' THEN
    fits := shape = 'number' AND written::double precision IS NOT NULL;
  ELSIF kind = 'numeric' THEN
    fits := (shape = 'string' AND length(written) <= 1000 AND written ~ '^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$'
        OR shape = 'number' AND (abs(written::numeric) < 9e15
          OR written ~ '^-?[0-9]+$' AND written::numeric BETWEEN -9223372036854775808 AND 18446744073709551615))
      AND written::numeric IS NOT NULL;
  ELSIF kind = 'uuid' THEN
    fits := shape = 'string' AND written ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$';
  ELSIF kind = 'bytea' THEN
    IF shape = 'string' AND translate(encode(decode(written, 'base64'), 'base64'), E'\n', '') = written THEN
      RETURN E'\\x' || encode(decode(written, 'base64'), 'hex');
    END IF;
  ELSIF kind = 'timestamptz' THEN
    fits := shape = 'string'
      AND written ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]' || time_of_day || '(Z|[+-][0-9]{2}:[0-9]{2})$')
      AND written::timestamptz IS NOT NULL;
  ELSIF kind = 'timestamp' THEN
    fits := shape = 'string' AND written ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]' || time_of_day || '$')
      AND written::timestamp IS NOT NULL;
  ELSIF kind = 'date' THEN
    fits := shape = 'string' AND written ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' AND written::date IS NOT NULL;
  ELSIF kind = 'time' THEN
    fits := shape = 'string' AND written ~ ('^' || time_of_day || '$') AND written::time IS NOT NULL;
  END IF;
  RETURN CASE WHEN fits THEN written END;
EXCEPTION WHEN others THEN
  RETURN NULL;
END
$body$;

CREATE FUNCTION ormai_rls.read_list(value jsonb, kind text, words text[] DEFAULT NULL)
RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN jsonb_typeof(value) = 'array' THEN (
  SELECT CASE WHEN count(*) = count(item) THEN coalesce(array_agg(item), '{}') END
  FROM (SELECT ormai_rls.read(given, kind, words) AS item FROM jsonb_array_elements(value) AS given) AS items
) END;

CREATE FUNCTION ormai_rls.read_scope(value jsonb, kind text, words text[] DEFAULT NULL)
RETURNS text[] LANGUAGE sql STABLE
RETURN CASE
  WHEN jsonb_typeof(value) = 'array' THEN nullif(ormai_rls.read_list(value, kind, words), '{}')
  WHEN ormai_rls.read(value, kind, words) IS NOT NULL THEN ARRAY[ormai_rls.read(value, kind, words)]
END;

CREATE FUNCTION ormai_rls.is_missing(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN coalesce(value IN ('null'::jsonb, '""'::jsonb), true);

CREATE FUNCTION ormai_rls.fits(value jsonb, kind text, words text[] DEFAULT NULL)
RETURNS boolean LANGUAGE sql STABLE
RETURN ormai_rls.is_missing(value) OR ormai_rls.read(value, kind, words) IS NOT NULL;

CREATE FUNCTION ormai_rls.fits_list(value jsonb, kind text, words text[] DEFAULT NULL)
RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(value = 'null'::jsonb, true) OR ormai_rls.read_list(value, kind, words) IS NOT NULL;

CREATE FUNCTION ormai_rls.pattern(written text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN written ~ E'(^|[^\\\\])(\\\\\\\\)*\\\\$' THEN written || E'\\' ELSE written END;
