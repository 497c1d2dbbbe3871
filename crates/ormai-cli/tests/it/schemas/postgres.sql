-- A public schema as a stranger would bring it: no table was made for OrmAI.
CREATE TYPE ticket_state AS ENUM ('open', 'waiting', 'closed');
CREATE DOMAIN email_address AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name varchar(80) NOT NULL UNIQUE,
    founded date,
    settings jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE members (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    login varchar(40) NOT NULL,
    email email_address NOT NULL,
    password_hash bytea NOT NULL,
    languages text[] NOT NULL DEFAULT '{}',
    seen_at timestamp,
    PRIMARY KEY (organization_id, login)
);
CREATE TABLE tickets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    login varchar(40),
    state ticket_state NOT NULL DEFAULT 'open',
    title text NOT NULL,
    title_length integer GENERATED ALWAYS AS (length(title)) STORED,
    effort interval,
    cost numeric(30, 4),
    rating real,
    opened_at timestamptz NOT NULL DEFAULT now(),
    "Odd ""Name""" smallint,
    position point,
    FOREIGN KEY (organization_id, login) REFERENCES members (organization_id, login)
);
CREATE INDEX ON tickets (organization_id, state);
CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL);
CREATE VIEW open_tickets AS SELECT id, organization_id, title FROM tickets WHERE state <> 'closed';

INSERT INTO organizations VALUES
    ('11111111-1111-4111-8111-111111111111', 'One', '1999-12-31', '{"plan": "free"}'),
    ('22222222-2222-4222-8222-222222222222', 'Two', NULL, '{}');
INSERT INTO members VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'ann@one.example', '\x00ff', '{en,de}', '2024-01-01 10:00:00'),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'ann@two.example', '\x01', '{}', NULL);
INSERT INTO tickets (organization_id, login, state, title, effort, cost, rating, opened_at, "Odd ""Name""") VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'open', 'Printer', '2 days 3:00', 12345678901234567890.1234, 0.5, '2024-05-01T12:00:00Z', 7),
    ('11111111-1111-4111-8111-111111111111', NULL, 'closed', 'Ünïcode', NULL, NULL, NULL, '2024-05-02T12:00:00+02:00', NULL),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'waiting', 'Secret of Two', NULL, 1, NULL, '2024-05-03T12:00:00Z', NULL);
INSERT INTO countries VALUES ('DE', 'Germany');
