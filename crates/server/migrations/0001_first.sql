-- One schema for SQLite and PostgreSQL: whole numbers, texts, and `{id}`, which the migration makes the dialect's own key.
-- `{bytes}` makes a text sort by its bytes on both. Times are seconds since 1970, UTC. Lists and maps that nobody searches are JSON texts.

CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);

-- The next number of a kind; taken many at a time.
CREATE TABLE numbers (name TEXT NOT NULL PRIMARY KEY, next BIGINT NOT NULL);
INSERT INTO numbers (name, next) VALUES ('finding', 1);

CREATE TABLE analyzers (
  id {id},
  name TEXT{bytes} NOT NULL UNIQUE,
  arn TEXT NOT NULL UNIQUE,
  scope TEXT NOT NULL,
  status TEXT NOT NULL,
  unused_access_age BIGINT NOT NULL,
  analysis_rule TEXT NOT NULL,
  created BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  analysed BIGINT,
  analysed_revision BIGINT NOT NULL,
  last_resource TEXT
);

CREATE TABLE tags (resource TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (resource, name));

CREATE TABLE archive_rules (
  analyzer BIGINT NOT NULL,
  name TEXT{bytes} NOT NULL,
  filter TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (analyzer, name)
);

-- What lists show of a finding. `seq` grows with every new finding, so its order is the order of creation.
CREATE TABLE findings (
  seq BIGINT NOT NULL PRIMARY KEY,
  id TEXT{bytes} NOT NULL UNIQUE,
  analyzer BIGINT NOT NULL,
  base TEXT{bytes} NOT NULL,
  content TEXT NOT NULL,
  kind BIGINT NOT NULL,
  status BIGINT NOT NULL,
  resource TEXT{bytes} NOT NULL,
  resource_type BIGINT NOT NULL,
  account TEXT{bytes} NOT NULL,
  risk BIGINT NOT NULL,
  unused BIGINT NOT NULL,
  created BIGINT NOT NULL,
  analysed BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  archived_by TEXT,
  archived_why TEXT,
  archived_until BIGINT
);
CREATE INDEX findings_open ON findings (analyzer, base) WHERE status < 2;
CREATE INDEX findings_seq ON findings (analyzer, status, kind, seq);
CREATE INDEX findings_updated ON findings (analyzer, status, kind, updated, seq);
CREATE INDEX findings_resource ON findings (analyzer, status, kind, resource, seq);
CREATE INDEX findings_risk ON findings (analyzer, status, kind, risk, seq);
CREATE INDEX findings_account_seq ON findings (analyzer, account, status, kind, seq);
CREATE INDEX findings_account_updated ON findings (analyzer, account, status, kind, updated, seq);
CREATE INDEX findings_until ON findings (archived_until) WHERE archived_until IS NOT NULL;
CREATE INDEX findings_resolved ON findings (updated) WHERE status = 2;

-- Written before a finding is visible, and of no meaning without it.
CREATE TABLE details (finding BIGINT NOT NULL PRIMARY KEY, details TEXT NOT NULL, evidence TEXT NOT NULL);
CREATE TABLE services (
  analyzer BIGINT NOT NULL,
  service TEXT NOT NULL,
  finding BIGINT NOT NULL,
  PRIMARY KEY (analyzer, service, finding)
);
CREATE INDEX services_finding ON services (finding);

-- What an analysis is going to change; nobody sees it before the analysis is complete.
CREATE TABLE staged (
  analyzer BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  change BIGINT NOT NULL,
  id TEXT NOT NULL,
  base TEXT NOT NULL,
  content TEXT NOT NULL,
  kind BIGINT NOT NULL,
  status BIGINT NOT NULL,
  resource TEXT NOT NULL,
  resource_type BIGINT NOT NULL,
  account TEXT NOT NULL,
  risk BIGINT NOT NULL,
  unused BIGINT NOT NULL,
  archived_by TEXT,
  PRIMARY KEY (analyzer, seq)
);

-- Which server does what only one of them may do, and until when unless it says so again.
CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL);

CREATE TABLE runs (
  id {id},
  analyzer BIGINT NOT NULL,
  started BIGINT NOT NULL,
  finished BIGINT,
  found BIGINT NOT NULL,
  opened BIGINT NOT NULL,
  resolved BIGINT NOT NULL,
  problem TEXT,
  report TEXT
);
CREATE INDEX runs_analyzer ON runs (analyzer, id);

-- Kept in step with the findings in the same transaction, so that statistics never count rows.
CREATE TABLE counts (
  analyzer BIGINT NOT NULL,
  account TEXT NOT NULL,
  kind BIGINT NOT NULL,
  status BIGINT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (analyzer, account, kind, status)
);
CREATE TABLE facets (
  analyzer BIGINT NOT NULL,
  status BIGINT NOT NULL,
  facet TEXT NOT NULL,
  value TEXT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (analyzer, status, facet, value)
);
CREATE TABLE history (
  analyzer BIGINT NOT NULL,
  day BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  status BIGINT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (analyzer, day, kind, status)
);

CREATE TABLE recommendations (
  finding TEXT NOT NULL PRIMARY KEY,
  analyzer BIGINT NOT NULL,
  status TEXT NOT NULL,
  resource TEXT NOT NULL,
  started BIGINT NOT NULL,
  completed BIGINT,
  error_code TEXT,
  error_message TEXT,
  steps TEXT,
  report TEXT
);

CREATE TABLE audit (
  id {id},
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  note TEXT
);
CREATE INDEX audit_subject ON audit (subject, id);

CREATE TABLE tokens (
  operation TEXT NOT NULL,
  token TEXT NOT NULL,
  digest TEXT NOT NULL,
  answer TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (operation, token)
);

CREATE TABLE users (
  name TEXT NOT NULL PRIMARY KEY,
  password TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE TABLE sessions (
  digest TEXT NOT NULL PRIMARY KEY,
  user_name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  csrf TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL,
  owner TEXT NOT NULL,
  scopes TEXT NOT NULL,
  accounts TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT,
  disabled BIGINT NOT NULL
);
