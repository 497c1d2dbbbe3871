-- A public schema as a stranger would bring it: no table was made for OrmAI, and nobody chose a collation.
CREATE TABLE organizations (
    id varchar(36) PRIMARY KEY,
    name varchar(80) NOT NULL UNIQUE,
    founded date,
    settings json NOT NULL DEFAULT '{}'
);
CREATE TABLE members (
    organization_id varchar(36) NOT NULL,
    login varchar(40) NOT NULL,
    email varchar(200) NOT NULL,
    password_hash varbinary(64) NOT NULL,
    seen_at datetime,
    PRIMARY KEY (organization_id, login),
    FOREIGN KEY (organization_id) REFERENCES organizations (id)
);
CREATE TABLE tickets (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    organization_id varchar(36) NOT NULL,
    login varchar(40),
    state enum('open', 'waiting', 'closed') NOT NULL DEFAULT 'open',
    title varchar(200) NOT NULL,
    title_length integer GENERATED ALWAYS AS (char_length(title)) STORED,
    cost decimal(30, 4),
    rating float,
    urgent boolean NOT NULL DEFAULT 0,
    opened_at timestamp NOT NULL DEFAULT current_timestamp,
    "Odd ""Name`" smallint unsigned,
    position point,
    FOREIGN KEY (organization_id) REFERENCES organizations (id),
    FOREIGN KEY (organization_id, login) REFERENCES members (organization_id, login)
);
CREATE INDEX tickets_by_state ON tickets (organization_id, state);
CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL);
CREATE VIEW open_tickets AS SELECT id, organization_id, title FROM tickets WHERE state <> 'closed';

INSERT INTO organizations VALUES
    ('11111111-1111-4111-8111-111111111111', 'One', '1999-12-31', '{"plan": "free"}'),
    ('22222222-2222-4222-8222-222222222222', 'Two', NULL, '{}');
INSERT INTO members VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'ann@one.example', x'00ff', '2024-01-01 10:00:00'),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'ann@two.example', x'01', NULL);
INSERT INTO tickets (organization_id, login, state, title, cost, rating, urgent, opened_at, "Odd ""Name`") VALUES
    ('11111111-1111-4111-8111-111111111111', 'ann', 'open', 'Printer', 12345678901234567890.1234, 0.5, 1, '2024-05-01 12:00:00', 7),
    ('11111111-1111-4111-8111-111111111111', NULL, 'closed', 'Ünïcode', NULL, NULL, 0, '2024-05-02 10:00:00', NULL),
    ('22222222-2222-4222-8222-222222222222', 'ann', 'waiting', 'Secret of Two', 1, NULL, 0, '2024-05-03 12:00:00', NULL);
INSERT INTO countries VALUES ('DE', 'Germany');
