//! A client that signs: asks for pages in every order with every filter, first ones and deep ones, at a rate that does not wait for
//! answers, with statistics in between; and says how long each took, from the moment when it was due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What is asked of whom.
pub(crate) struct SignedRequest {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) seconds: u64,
    pub(crate) rate: f64,
}

const ARN: &str = "arn:aws:access-analyzer:us-east-1:100000000000:analyzer/load";
/// How deep a deep page is: so many pages of the largest size.
const DEEP: usize = 5;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

struct Client {
    http: reqwest::Client,
    asked: SignedRequest,
}

impl Client {
    /// The answer; or, with what else came, that there is none.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let body = body.to_string();
        let now = leastwise_server::clock::now().to_string().replace(['-', ':'], "");
        let day = &now[..8];
        let digest = hex(&Sha256::digest(body.as_bytes()));
        let host = &self.asked.address;
        let canonical = format!("POST\n{path}\n\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n{digest}");
        let scope = format!("{day}/us-east-1/access-analyzer/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let key = ["us-east-1", "access-analyzer", "aws4_request"]
            .iter()
            .fold(mac(format!("AWS4{}", self.asked.secret).as_bytes(), day), |key, part| mac(&key, part));
        let signature = hex(&mac(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}",
            self.asked.key
        );
        let request = self.http.post(format!("http://{host}{path}")).header("host", host).header("x-amz-date", &now);
        let answer = request.header("authorization", authorization).body(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        if status.is_success() { Ok(serde_json::from_str(&text).unwrap()) } else { Err(format!("{status}: {text}")) }
    }

    async fn page(&self, query: &Value) -> Result<Value, String> {
        self.post("/findingv2", query).await
    }
}

/// Every order with every sort of filter.
fn queries(some_id: &str, some_resource: &str) -> Vec<(String, Value)> {
    let twenty: Vec<String> = (0..20).map(|n| format!("{:012}", 100_000_000_000_u64 + n * 41)).collect();
    let filters = [
        ("no filter", json!({})),
        ("active", json!({"status": {"eq": ["ACTIVE"]}})),
        ("archived or resolved", json!({"status": {"neq": ["ACTIVE"]}})),
        ("one type", json!({"findingType": {"eq": ["UnusedIAMRole"]}})),
        ("archived roles", json!({"status": {"eq": ["ARCHIVED"]}, "findingType": {"contains": ["Role"]}})),
        ("users", json!({"resourceType": {"eq": ["AWS::IAM::User"]}})),
        ("one account", json!({"resourceOwnerAccount": {"eq": ["100000000123"]}})),
        ("one account, active", json!({"resourceOwnerAccount": {"eq": ["100000000777"]}, "status": {"eq": ["ACTIVE"]}})),
        ("twenty accounts", json!({"resourceOwnerAccount": {"eq": twenty}})),
        ("not one account", json!({"resourceOwnerAccount": {"neq": ["100000000123"]}})),
        ("accounts that contain", json!({"resourceOwnerAccount": {"contains": ["0077"]}})),
        ("resource contains, common", json!({"resource": {"contains": ["team-1"]}})),
        ("resource contains, one in 97", json!({"resource": {"contains": ["team-42/"]}})),
        ("resource contains, nothing", json!({"resource": {"contains": ["nowhere"]}})),
        ("not some resource", json!({"resource": {"neq": [some_resource]}})),
        ("one resource", json!({"resource": {"eq": [some_resource]}})),
        ("one id", json!({"id": {"eq": [some_id]}})),
        ("id contains", json!({"id": {"contains": ["abc"]}})),
        ("has a resource", json!({"resource": {"exists": true}})),
    ];
    let sorts = ["createdAt", "updatedAt", "resource", "status", "findingType", "resourceOwnerAccount", "resourceType", "id"];
    let mut all = Vec::new();
    for (name, filter) in filters {
        for sort in sorts {
            for order in ["ASC", "DESC"] {
                let mut query = json!({"analyzerArn": ARN, "sort": {"attributeName": sort, "orderBy": order}});
                if filter != json!({}) {
                    query["filter"] = filter.clone();
                }
                all.push((format!("{name} | {sort} {order}"), query));
            }
        }
    }
    all
}

fn at(times: &[f64], part: f64) -> f64 {
    times.get(((times.len() - 1) as f64 * part).round() as usize).copied().unwrap_or_default()
}

fn sums(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let round = |ms: f64| (ms * 100.0).round() / 100.0;
    json!({"requests": times.len(), "p50": round(at(&times, 0.5)), "p99": round(at(&times, 0.99)), "max": round(at(&times, 1.0))})
}

/// Means by one part of the name.
fn means(times: &[(String, f64)], part: usize) -> Value {
    let mut by_part: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, time) in times {
        by_part.entry(name.split(" | ").nth(part).unwrap_or_default()).or_default().push(*time);
    }
    let mean = |times: &[f64]| (times.iter().sum::<f64>() / times.len() as f64 * 100.0).round() / 100.0;
    by_part.into_iter().map(|(name, times)| (name.to_owned(), json!(mean(&times)))).collect::<serde_json::Map<_, _>>().into()
}

/// The slowest 15, with their names.
fn slowest(mut times: Vec<(String, f64)>) -> Value {
    times.sort_by(|one, other| other.1.total_cmp(&one.1));
    times.truncate(15);
    times.into_iter().map(|(name, time)| json!([(time * 100.0).round() / 100.0, name])).collect()
}

/// Asks, and prints what it measured.
pub(crate) async fn drive(asked: SignedRequest) {
    let (seconds, rate) = (asked.seconds, asked.rate);
    let client = Arc::new(Client { http: reqwest::Client::builder().no_proxy().build().unwrap(), asked });
    let first = client.page(&json!({"analyzerArn": ARN})).await.unwrap();
    let some = &first["findings"][50];
    let (id, resource) = (some["id"].as_str().unwrap(), some["resource"].as_str().unwrap());
    // Half of them as they are, half deep in the list.
    let mut all = Vec::new();
    for (name, query) in queries(id, resource) {
        let (mut deep, mut depth) = (query.clone(), 0);
        while depth < DEEP {
            deep["maxResults"] = 1_000.into();
            let page = client.page(&deep).await.unwrap();
            let Some(token) = page["nextToken"].as_str() else { break };
            deep["nextToken"] = token.into();
            depth += 1;
        }
        if let Some(members) = deep.as_object_mut() {
            members.remove("maxResults");
        }
        all.push((name.clone(), query));
        if depth > 0 {
            all.push((name, deep));
        }
    }
    // One at a time first, which tells the slow ones from those that only had to wait.
    let mut alone = Vec::new();
    for (name, query) in &all {
        let begun = Instant::now();
        client.page(query).await.unwrap();
        alone.push((name.clone(), begun.elapsed().as_secs_f64() * 1_000.0));
    }
    // In an order that is the same every time and puts nothing beside its like.
    let length = all.len();
    let step = (length * 5 / 8..).find(|step| (2..=*step).all(|n| step % n != 0 || length % n != 0)).unwrap();
    let all = Arc::new(all);
    let (mut tasks, mut counts) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for n in 0.. {
        let due = started + Duration::from_secs_f64(n as f64 / rate);
        if due - started >= Duration::from_secs(seconds) {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (own, all, which) = (client.clone(), all.clone(), n * step % length);
        tasks.push(tokio::spawn(async move {
            own.page(&all[which].1).await.map(|_| (which, (due - started).as_secs(), due.elapsed().as_secs_f64() * 1_000.0))
        }));
        if n % 20 == 0 {
            let own = client.clone();
            counts.push(tokio::spawn(async move {
                let sums = own.post("/analyzer/findings/statistics", &json!({"analyzerArn": ARN})).await;
                sums.map(|_| due.elapsed().as_secs_f64() * 1_000.0)
            }));
        }
    }
    let (mut times, mut by_name): (Vec<f64>, BTreeMap<String, Vec<f64>>) = Default::default();
    let mut by_second: BTreeMap<u64, f64> = BTreeMap::new();
    let (mut statistics, mut failures) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Ok((which, second, time)) => {
                times.push(time);
                let slowest = by_second.entry(second).or_insert(time);
                *slowest = time.max(*slowest);
                by_name.entry(all[which].0.clone()).or_default().push(time);
            }
            Err(failure) => failures.push(failure),
        }
    }
    for count in counts {
        match count.await.unwrap() {
            Ok(time) => statistics.push(time),
            Err(failure) => failures.push(failure),
        }
    }
    let by_name = by_name.into_iter().map(|(name, mut times)| {
        times.sort_by(f64::total_cmp);
        (name, at(&times, 0.5))
    });
    let mean = alone.iter().map(|(_, time)| time).sum::<f64>() / alone.len() as f64;
    let told = json!({
        "lists": sums(times), "statistics": sums(statistics), "failures": failures.len(), "slowestByMedian": slowest(by_name.collect()),
        "slowestBySecond": by_second.into_values().map(f64::round).collect::<Vec<_>>(),
        "alone": {"mean": mean, "byFilter": means(&alone, 0), "bySort": means(&alone, 1), "slowest": slowest(alone)},
    });
    println!("{told}");
    for failure in failures.iter().take(3) {
        eprintln!("{failure}");
    }
}
