-- Analyses are written bit by bit, and made visible by one flag.

-- The run that is writing or settling; 0 for none. Rows of findings may have a status above 2 only as long as it is not 0.
ALTER TABLE analyzers ADD COLUMN run BIGINT NOT NULL DEFAULT 0;
-- Whether that run is visible: 0 or 1.
ALTER TABLE analyzers ADD COLUMN settling BIGINT NOT NULL DEFAULT 0;

-- What runs before this step had staged is not visible and is not needed.
DELETE FROM services WHERE finding IN (SELECT seq FROM staged WHERE change = 0);
DELETE FROM details WHERE finding IN (SELECT seq FROM staged WHERE change = 0);
DELETE FROM details WHERE finding < 0;
DROP TABLE staged;

-- What a finding is going to be that is there already: its own dates and content (2), or all of it since it comes back (1).
CREATE TABLE staged (
  analyzer BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  change BIGINT NOT NULL,
  content TEXT NOT NULL,
  risk BIGINT NOT NULL,
  PRIMARY KEY (analyzer, seq)
);

-- Numbers of analyzers are never used again: what a deleted one has found is cleared away later.
INSERT INTO numbers (name, next) SELECT 'analyzer', COALESCE(MAX(id), 0) + 1 FROM analyzers;

-- Totals by kind stand beside the other facets, so that totals need no sum over accounts.
INSERT INTO facets (analyzer, status, facet, value, n)
  SELECT analyzer, status, 'kind', CAST(kind AS TEXT), CAST(SUM(n) AS BIGINT) FROM counts GROUP BY analyzer, status, kind;

-- Each webhook has a queue of its own.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (webhook, due);
