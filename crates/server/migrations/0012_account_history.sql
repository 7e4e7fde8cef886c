-- How many findings each account had, day by day.

-- The numbers of an account at the end of a day; a row only where they differ from those of the row before. Days are since 1970.
CREATE TABLE account_history (
  analyzer BIGINT NOT NULL,
  account TEXT NOT NULL,
  day BIGINT NOT NULL,
  active BIGINT NOT NULL,
  archived BIGINT NOT NULL,
  resolved BIGINT NOT NULL,
  PRIMARY KEY (analyzer, account, day)
);

-- The last row of each account, so that what has changed is found without reading the history.
CREATE TABLE account_history_end (
  analyzer BIGINT NOT NULL,
  account TEXT NOT NULL,
  day BIGINT NOT NULL,
  active BIGINT NOT NULL,
  archived BIGINT NOT NULL,
  resolved BIGINT NOT NULL,
  PRIMARY KEY (analyzer, account)
);
