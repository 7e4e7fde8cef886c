-- Users who see some accounts only, sessions that end when that changes, and webhooks whose addresses are secrets.

ALTER TABLE users ADD COLUMN accounts TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN accounts TEXT NOT NULL DEFAULT '';

-- Since when deliveries to a webhook fail, how often in a row, and when the next attempt is due.
ALTER TABLE webhooks ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN due BIGINT NOT NULL DEFAULT 0;

-- What was sent to webhooks and what became of it, without addresses and contents.
CREATE TABLE delivery_log (
  id {id},
  webhook TEXT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  outcome TEXT NOT NULL
);
CREATE INDEX delivery_log_webhook ON delivery_log (webhook, id);

-- Addresses of webhooks may hold secrets and do not belong into the log of changes.
UPDATE audit SET note = NULL WHERE action = 'CreateWebhook';
