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

use super::targets::Targets;
use super::{DIGESTS, formats};
use crate::analysis::run_loop::supervise;
use crate::clock;
use crate::store::{Analyzer, Delivery, DeliveryRow, Finding, Store, StoreError, TEST, Webhook};

/// How often is looked for what is due.
const PAUSE: Duration = Duration::from_secs(1);
/// Deliveries that are taken at once.
const BATCH: u32 = 50;
/// Findings that one message for people is about.
const DIGEST: u32 = 1_000;
/// A receiver has to answer within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
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
    pub(crate) fn start(store: Store, holder: String, targets: Targets) -> Sender {
        let (stop, stopped) = watch::channel(false);
        let task = supervise("the sender of webhooks", stopped, move |stopped| {
            run(store.clone(), holder.clone(), targets.clone(), stopped)
        });
        Sender { stop, task: tokio::spawn(task) }
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

async fn run(store: Store, holder: String, targets: Targets, mut stopped: watch::Receiver<bool>) {
    let post = match Post::new(targets) {
        Ok(post) => std::sync::Arc::new(post),
        Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
    };
    let mut busy: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    loop {
        busy.retain(|_, task| !task.is_finished());
        match round(&store, &holder, &busy).await {
            Ok(webhooks) => {
                for webhook in webhooks {
                    let (store, post, id) = (store.clone(), post.clone(), webhook.id.clone());
                    let task = tokio::spawn(async move {
                        if let Err(error) = send_due(&store, &post, &webhook).await {
                            tracing::warn!(webhook = webhook.id, %error, "a webhook waits for the store");
                        }
                    });
                    busy.insert(id, task);
                }
            }
            Err(error) => tracing::warn!(%error, "webhooks wait for the store"),
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
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

/// Why a message did not arrive.
enum Missed {
    /// The receiver is not there, or in no state to answer: nothing arrives for now.
    Receiver(String),
    /// The receiver refuses this message; others may arrive.
    Message(String),
}

/// Sends some of what is due to one webhook, one after the other; for people, all in one message. A receiver that does not answer as one is
/// left alone for a while with everything that waits.
async fn send_due(store: &Store, post: &Post, webhook: &Webhook) -> Result<(), StoreError> {
    let now = clock::now();
    if webhook.due > now {
        return Ok(());
    }
    let is_digest = DIGESTS.contains(&webhook.form.as_str());
    let due = store.deliveries(&webhook.id, now, if is_digest { DIGEST } else { BATCH }).await?;
    if due.is_empty() {
        return Ok(());
    }
    let analyzers = store.analyzers(None, 1000).await?;
    let mut together: (Vec<Delivery>, Vec<Finding>) = Default::default();
    for delivery in due {
        if delivery.finding == TEST {
            let id = format!("{TEST}-{}-{}", webhook.id, delivery.version);
            let sent = post.send(webhook, id, &formats::test(&webhook.form)).await;
            if !settle(store, webhook, &[delivery], ("test", ""), sent).await? {
                return Ok(());
            }
            continue;
        }
        let Some((analyzer, finding)) = find(store, &analyzers, &delivery.finding).await? else {
            store.drop_delivery(&delivery).await?;
            continue;
        };
        if is_digest {
            together.0.push(delivery);
            together.1.push(finding);
            continue;
        }
        // The same state has the same id, so that a receiver can tell a repetition; another one within the same second has not.
        let id = format!("{}-{}-{}", finding.summary.id, delivery.version, finding.summary.status.as_str().to_lowercase());
        let sent = post.send(webhook, id, &formats::body(&webhook.form, analyzer, &finding)).await;
        if !settle(store, webhook, &[delivery], ("finding", &finding.summary.id), sent).await? {
            return Ok(());
        }
    }
    let (deliveries, findings) = together;
    if let Some(first) = deliveries.first() {
        let id = format!("{}-{}-{}", first.finding, first.version, deliveries.len());
        let sent = post.send(webhook, id, &formats::digest(&webhook.form, &findings)).await;
        settle(store, webhook, &deliveries, ("findings", &findings.len().to_string()), sent).await?;
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

/// Writes down what became of a message. False when the receiver is to be left alone.
async fn settle(
    store: &Store,
    webhook: &Webhook,
    deliveries: &[Delivery],
    (kind, subject): (&str, &str),
    sent: Result<(), Missed>,
) -> Result<bool, StoreError> {
    let now = clock::now();
    let row = |outcome: String| DeliveryRow { at: now, kind: kind.to_owned(), subject: subject.to_owned(), outcome };
    let later = |attempts: u32| Timestamp::from_seconds(now.seconds() + pause(attempts));
    match sent {
        Ok(()) => {
            store.delivered(&webhook.id, deliveries, &row("delivered".to_owned())).await?;
            Ok(true)
        }
        Err(Missed::Message(why)) => {
            for delivery in deliveries {
                if delivery.attempts + 1 >= ATTEMPTS {
                    tracing::error!(webhook = webhook.id, subject, why, "a delivery is given up");
                    store.drop_delivery(delivery).await?;
                } else {
                    store.postpone(delivery, later(delivery.attempts), &row(why.clone())).await?;
                }
            }
            Ok(true)
        }
        Err(Missed::Receiver(why)) => {
            let gives_up = webhook.failures + 1 >= ATTEMPTS;
            let gone = store.suspend(&webhook.id, later(webhook.failures), &row(why.clone()), gives_up).await?;
            if gives_up {
                tracing::error!(
                    webhook = webhook.id,
                    why,
                    deliveries = gone,
                    "the receiver does not answer; deliveries are given up"
                );
            } else if webhook.failures == 0 {
                tracing::warn!(webhook = webhook.id, why, "the receiver does not answer; what is due waits and is tried again");
            }
            Ok(false)
        }
    }
}

/// Sends single messages.
struct Post {
    client: reqwest::Client,
    targets: Targets,
}

/// An error with what caused it, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(own) = cause {
        text = format!("{text}: {own}");
        cause = own.source();
    }
    text
}

impl Post {
    fn new(targets: Targets) -> Result<Post, reqwest::Error> {
        // A proxy of the environment would resolve names itself, out of reach of what is allowed.
        let client = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(targets.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .user_agent(concat!("leastwise/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Post { client, targets })
    }

    async fn send(&self, webhook: &Webhook, id: String, body: &serde_json::Value) -> Result<(), Missed> {
        // What the operator allows may have changed since the webhook was made.
        let url = self.targets.check(&webhook.url).map_err(Missed::Receiver)?;
        let (body, at) = (body.to_string(), clock::now().seconds());
        let signature = signature(&webhook.secret, &id, at, &body);
        let signature = signature.ok_or_else(|| Missed::Receiver("the secret cannot sign".to_owned()))?;
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature)
            .body(body);
        if webhook.form == "jira" {
            request = request.header("x-automation-webhook-token", &webhook.secret);
        }
        // The address may hold a secret, so the error is told without it.
        let answer = request.send().await.map_err(|error| Missed::Receiver(chain(&error.without_url())))?;
        let status = answer.status().as_u16();
        let why = format!("the receiver answers {status}");
        match status {
            200..=299 => Ok(()),
            // It may like another message better.
            400 | 405 | 406 | 409 | 411..=418 | 422 => Err(Missed::Message(why)),
            _ => Err(Missed::Receiver(why)),
        }
    }
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
