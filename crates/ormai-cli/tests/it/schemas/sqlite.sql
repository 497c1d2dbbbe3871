-- A public schema as a stranger would bring it: no table was made for OrmAI.
CREATE TABLE organizations (
    id TEXT PRIMARY KEY NOT NULL,
    name VARCHAR(80) NOT NULL UNIQUE,
    founded DATE,
    settings JSON NOT NULL DEFAULT '{}'
);
CREATE TABLE members (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    login VARCHAR(40) NOT NULL,
    email TEXT NOT NULL,
    password_hash BLOB NOT NULL,
    seen_at DATETIME,
    PRIMARY KEY (organization_id, login)
);
CREATE TABLE tickets (
    id INTEGER PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    login VARCHAR(40),
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'closed')),
    title TEXT NOT NULL,
    title_length INTEGER GENERATED ALWAYS AS (length(title)) STORED,
    cost NUMERIC(30, 4),
    rating REAL,
    urgent BOOLEAN NOT NULL DEFAULT 0,
    opened_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "Odd ""Name""" SMALLINT,
    FOREIGN KEY (organization_id, login) REFERENCES members (organization_id, login)
);
CREATE INDEX tickets_by_state ON tickets (organization_id, state);
CREATE TABLE countries (code CHAR(2) PRIMARY KEY NOT NULL, name TEXT NOT NULL);
CREATE VIEW open_tickets AS SELECT id, organization_id, title FROM tickets WHERE state <> 'closed';

INSERT INTO organizations VALUES
    ('11111111-1111-4111-8111-111111111111', 'One', '1999-12-31', '{"plan": "free"}'),
    ('22222222-2222-4222-8222-222222222222', 'Two', NULL, '{}');
INSERT INTO members VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'ann@one.example', x'00ff', '2024-01-01 10:00:00'),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'ann@two.example', x'01', NULL);
INSERT INTO tickets (organization_id, login, state, title, cost, rating, urgent, opened_at, "Odd ""Name""") VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'open', 'Printer', 12.5, 0.5, 1, '2024-05-01 12:00:00', 7),
    ('11111111-1111-4111-8111-111111111111', NULL, 'closed', 'Ünïcode', NULL, NULL, 0, '2024-05-02 10:00:00', NULL),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'waiting', 'Secret of Two', 1, NULL, 0, '2024-05-03 12:00:00', NULL);
INSERT INTO countries VALUES ('DE', 'Germany');
