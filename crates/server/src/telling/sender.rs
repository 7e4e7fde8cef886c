//! Sends what is due to webhooks: signed, tried again with growing pauses, at least once, and to each at its own pace.
//!
//! One server of a store sends at a time, by a lease. The signature is that of the Standard Webhooks scheme: HMAC-SHA256 over
//! `id.timestamp.body`, in base64, so that receivers can check it with libraries that exist. It follows no redirect, and a receiver
//! says yes by a status of 2xx and by nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use leastwise::access::Timestamp;
use sha2::Sha256;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::forms::body;
use crate::clock;
use crate::store::{Analyzer, Delivery, Finding, Store, StoreError, Webhook};

/// How often is looked for what is due.
const PAUSE: Duration = Duration::from_secs(1);
/// Deliveries that are taken at once.
const BATCH: u32 = 50;
/// A receiver has to answer within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many failures a state is given up: about five days.
const ATTEMPTS: u32 = 18;
const LEASE_NAME: &str = "sender";
const LEASE: i64 = 60;

/// The task that sends.
pub(crate) struct Sender {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sender {
    /// Starts it.
    pub(crate) fn start(store: Store, holder: String) -> Sender {
        let (stop, stopped) = watch::channel(false);
        Sender { stop, task: tokio::spawn(run(store, holder, stopped)) }
    }

    /// Stops it. What is under way is due again when it was not answered.
    pub(crate) async fn stop(self) {
        self.stop.send(true).ok();
        self.task.await.ok();
    }
}

/// The signature of a body.
pub(super) fn signature(secret: &str, id: &str, at: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// How long to wait after so many failures: 5 seconds, doubling, at most 8 hours.
fn pause(attempts: u32) -> i64 {
    (5_i64 << attempts.min(13)).min(8 * 3600)
}

async fn run(store: Store, holder: String, mut stopped: watch::Receiver<bool>) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .user_agent(concat!("leastwise/", env!("CARGO_PKG_VERSION")))
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
    };
    let mut busy: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    loop {
        busy.retain(|_, task| !task.is_finished());
        match round(&store, &holder, &busy).await {
            Ok(webhooks) => {
                for webhook in webhooks {
                    let (store, client, id) = (store.clone(), client.clone(), webhook.id.clone());
                    let task = tokio::spawn(async move {
                        if let Err(error) = send_due(&store, &client, &webhook).await {
                            tracing::warn!(webhook = webhook.id, %error, "a webhook waits for the store");
                        }
                    });
                    busy.insert(id, task);
                }
            }
            Err(error) => tracing::warn!(%error, "webhooks wait for the store"),
        }
        tokio::select! {
            _ = stopped.changed() => break,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    busy.values().for_each(JoinHandle::abort);
    store.release(LEASE_NAME, &holder).await.ok();
}

/// The webhooks that nothing is sent to at the moment, if it is for this server to send.
async fn round(store: &Store, holder: &str, busy: &BTreeMap<String, JoinHandle<()>>) -> Result<Vec<Webhook>, StoreError> {
    let mut webhooks = store.webhooks().await?;
    if webhooks.is_empty() || !store.lease(LEASE_NAME, holder, clock::now(), LEASE).await? {
        return Ok(Vec::new());
    }
    webhooks.retain(|webhook| !busy.contains_key(&webhook.id));
    Ok(webhooks)
}

/// Sends some of what is due to one webhook, one after the other.
async fn send_due(store: &Store, client: &reqwest::Client, webhook: &Webhook) -> Result<(), StoreError> {
    let due = store.deliveries(&webhook.id, clock::now(), BATCH).await?;
    if due.is_empty() {
        return Ok(());
    }
    let analyzers = store.analyzers(None, 1000).await?;
    for delivery in due {
        let Some((analyzer, finding)) = find(store, &analyzers, &delivery.finding).await? else {
            // The finding is gone.
            store.delivered(&delivery).await?;
            continue;
        };
        match send(client, webhook, analyzer, &finding, delivery.version).await {
            Ok(()) => store.delivered(&delivery).await?,
            Err(problem) => fail(store, webhook, &delivery, &problem).await?,
        }
    }
    Ok(())
}

async fn find<'a>(store: &Store, analyzers: &'a [Analyzer], id: &str) -> Result<Option<(&'a Analyzer, Finding)>, StoreError> {
    for analyzer in analyzers {
        match store.finding(analyzer, id).await {
            Ok(finding) => return Ok(Some((analyzer, finding))),
            Err(StoreError::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

async fn fail(store: &Store, webhook: &Webhook, delivery: &Delivery, problem: &str) -> Result<(), StoreError> {
    if delivery.attempts + 1 >= ATTEMPTS {
        tracing::error!(webhook = webhook.id, finding = delivery.finding, problem, "a delivery is given up");
        return store.delivered(delivery).await;
    }
    tracing::warn!(webhook = webhook.id, finding = delivery.finding, problem, "a delivery failed, and is tried again");
    let due = Timestamp::from_seconds(clock::now().seconds() + pause(delivery.attempts));
    store.postpone(delivery, due, problem).await
}

async fn send(
    client: &reqwest::Client,
    webhook: &Webhook,
    analyzer: &Analyzer,
    finding: &Finding,
    version: i64,
) -> Result<(), String> {
    let body = body(&webhook.form, analyzer, finding).to_string();
    // The same state has the same id, so that a receiver can tell a repetition; another one within the same second has not.
    let id = format!("{}-{version}-{}", finding.summary.id, finding.summary.status.as_str().to_lowercase());
    let at = clock::now().seconds();
    let signature = signature(&webhook.secret, &id, at, &body).ok_or("the secret cannot sign")?;
    let request = client
        .post(&webhook.url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", signature)
        .body(body);
    // The address may hold a secret, so the error is told without it.
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("the receiver answers {}", answer.status().as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard_webhooks_scheme() {
        // Worked out with Python's hmac over `msg_1.1700000000.{"a":1}` and the key `secret`.
        let signature = signature("secret", "msg_1", 1_700_000_000, "{\"a\":1}").unwrap();
        assert_eq!(signature, "v1,Q5nZ7DiOGwijBBqvBVAK6c0zDr2JLkXI7TaV4f+Q2vY=");
    }

    #[test]
    fn pauses_grow_to_eight_hours_and_last_days_in_all() {
        assert_eq!([pause(0), pause(1), pause(5), pause(13), pause(40)], [5, 10, 160, 28_800, 28_800]);
        let all: i64 = (0..ATTEMPTS).map(pause).sum();
        assert!((2 * 86_400..6 * 86_400).contains(&all), "{all}");
    }
}
