-- What people decided about recommendations, and what is told to other systems.

-- A recommendation that somebody accepted, as it was when it was accepted; one for each finding.
CREATE TABLE acceptances (
  finding TEXT NOT NULL PRIMARY KEY,
  alternative BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  report TEXT NOT NULL
);

CREATE TABLE webhooks (
  id TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  form TEXT NOT NULL,
  secret TEXT NOT NULL,
  created BIGINT NOT NULL
);

-- Findings whose state a webhook has not been told yet. `version` is the `updated` of that state.
CREATE TABLE deliveries (
  webhook TEXT NOT NULL,
  finding TEXT NOT NULL,
  version BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  due BIGINT NOT NULL,
  problem TEXT,
  PRIMARY KEY (webhook, finding)
);
CREATE INDEX deliveries_due ON deliveries (due);
