//! Two accounts that have nothing to do with each other: whoever is limited to one sees nothing of the other, in any operation, in any
//! field, on any page. Everything of the other account has its number or the word `alfa` in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use leastwise_server::api_keys::{self, Wanted};
use leastwise_server::auth::Scope as KeyScope;
use leastwise_server::store::*;
use leastwise_server::{Inputs, InputsFailure, Options, Visit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const OTHER: &str = "111111111111";
const OWN: &str = "222222222222";

struct Nothing;

impl Inputs for Nothing {
    fn mark(&self) -> u64 {
        0
    }

    fn present(&self) -> Timestamp {
        leastwise_server::clock::now()
    }

    fn analyse(&self, _present: Timestamp, _visit: &mut Visit<'_>) -> Result<(), InputsFailure> {
        Ok(())
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// What is kept of both accounts.
struct Bed {
    store: Store,
    base: String,
    admin: (String, String),
    limited: (String, String),
    /// A finding of each account.
    ids: [String; 2],
    _folder: Folder,
}

fn found(n: u64, account: &str, name: &str) -> FoundFinding {
    FoundFinding {
        base: format!("{n:032x}"),
        content: "a".to_owned(),
        kind: FindingKind::UnusedPermission,
        resource: format!("arn:aws:iam::{account}:role/{name}-{n}"),
        resource_type: ResourceType::Role,
        account: account.to_owned(),
        risk: Risk::WRITE,
        unused_actions: 1,
        services: vec![if account == OTHER { "alfaservice".to_owned() } else { "s3".to_owned() }],
        details: format!(
            "[{{\"unusedPermissionDetails\":{{\"serviceNamespace\":\"s3\",\"actions\":[{{\"action\":\"{name}\"}}]}}}}]"
        ),
        evidence: format!("{{\"sources\":[{{\"source\":\"trail\",\"says\":\"{name}\"}}]}}"),
    }
}

async fn fill(store: &Store) -> [String; 2] {
    let by = |name: &str| Change::by(format!("user:{name}"));
    let rule = |text: &str| Filter::parse(text).unwrap();
    let of_other = format!(r#"{{"resourceOwnerAccount":{{"eq":["{OTHER}"]}}}}"#);
    let organization = NewAnalyzer {
        name: "org".to_owned(),
        arn: format!("arn:aws:access-analyzer:us-east-1:{OTHER}:analyzer/org"),
        scope: Scope::Organization,
        unused_access_age: 90,
        exclusions: vec![
            AnalysisRule { account_ids: vec![OTHER.to_owned()], resource_tags: Vec::new() },
            AnalysisRule { account_ids: Vec::new(), resource_tags: vec![vec![("alfa-tag".to_owned(), "alfa".to_owned())]] },
        ],
        tags: vec![("alfa-team".to_owned(), "alfa".to_owned())],
        rules: vec![
            ("alfa-rule".to_owned(), rule(&of_other)),
            ("alfa-wide".to_owned(), rule(r#"{"resource":{"contains":["role/both"]}}"#)),
            (
                "own-rule".to_owned(),
                rule(&format!(r#"{{"resourceOwnerAccount":{{"eq":["{OWN}"]}},"resource":{{"contains":["nothing"]}}}}"#)),
            ),
        ],
    };
    let analyzer = store.create_analyzer(&organization, &by("alfa-user")).await.unwrap();
    let of_account = NewAnalyzer {
        name: "alfa-account".to_owned(),
        arn: format!("arn:aws:access-analyzer:us-east-1:{OTHER}:analyzer/alfa-account"),
        scope: Scope::Account,
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
        ..organization
    };
    store.create_analyzer(&of_account, &by("alfa-user")).await.unwrap();
    let at = Timestamp::from_seconds(leastwise_server::clock::now().seconds() - 86_400);
    let mut run = store.begin_run(&analyzer, at).await.unwrap();
    let findings =
        (0..6).map(|n| if n % 2 == 0 { found(n, OWN, if n == 4 { "both" } else { "own" }) } else { found(n, OTHER, "alfa") });
    run.take(findings.collect()).await.unwrap();
    let report = json!({
        "schema": "leastwise.findings/1", "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}, "catalog": {},
        "coverage": {
            "judged": [{"what": "role", "count": 4711}], "total": {"granted": 4711},
            "accounts": [{"account": OTHER, "trails": []}, {"account": OWN, "trails": []}],
            "events": {"unmapped": [{"eventSource": "alfa.amazonaws.com", "eventName": "Alfa", "count": 1}]},
        },
        "problems": [{"file": "alfa.json", "message": "alfa"}],
    });
    run.publish(&report.to_string(), at).await.unwrap();
    let analyzer = store.analyzer("org").await.unwrap();
    let one = async |account: &str| {
        let mut filter = Filter::default();
        filter
            .criteria
            .insert(FilterKey::ResourceOwnerAccount, Criterion { eq: vec![account.to_owned()], ..Criterion::default() });
        let query = Query { only: Some(FindingStatus::Active), filter, ..Query::of(&analyzer) };
        store.list(&query).await.unwrap().findings.first().map(|finding| finding.id.clone())
    };
    let own = one(OWN).await.unwrap();
    // Everything of the other account is archived by its rule.
    let filter = Filter::parse(&of_other).unwrap();
    let other = store.list(&Query { filter, ..Query::of(&analyzer) }).await.unwrap().findings[0].id.clone();
    store.archive(&analyzer, std::slice::from_ref(&other), Some("alfa reason"), None, &by("alfa-user")).await.unwrap();
    for (id, name) in [(&own, "own"), (&other, "alfa")] {
        let resource = store.finding(&analyzer, id).await.unwrap().summary.resource;
        store.start_recommendation(&analyzer, id, &resource, at).await.unwrap();
        let report = json!({"name": name, "alternatives": [{"status": "applicable", "recommendedSteps": [{"text": name, "before": name}]}]});
        store.finish_recommendation(id, Ok(("[]".to_owned(), report.to_string())), at).await.unwrap();
    }
    store.keep_history(at).await.unwrap();
    [own, other]
}

impl Bed {
    async fn new(name: &str) -> Bed {
        let path = std::env::temp_dir().join(format!("leastwise-limits-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Folder(path);
        let database = Location::Sqlite(folder.0.join("store.db"));
        let store = Store::open(&database).await.unwrap();
        let ids = fill(&store).await;
        let key = async |scope: KeyScope, accounts: &[&str]| {
            let wanted = Wanted {
                name: "test".to_owned(),
                scope,
                accounts: accounts.iter().map(|one| (*one).to_owned()).collect(),
                expires: None,
            };
            let at = database.clone();
            let key = tokio::task::spawn_blocking(move || api_keys::add(&at, wanted).unwrap()).await.unwrap();
            (key.id, key.secret.expose().to_owned())
        };
        let (admin, limited) = (key(KeyScope::Administer, &[]).await, key(KeyScope::Archive, &[OWN]).await);
        let at = database.clone();
        tokio::task::spawn_blocking(move || {
            leastwise_server::dashboard::users::add(&at, "bea", "correct horse battery", "archive", OWN).unwrap();
        })
        .await
        .unwrap();
        let options = Options { rescan: Duration::from_secs(3_600), ..Options::of("127.0.0.1:0".parse().unwrap(), database) };
        let (said, address) = std::sync::mpsc::channel();
        tokio::spawn(async move {
            leastwise_server::serve(options, Arc::new(Nothing), move |address, _| said.send(address).unwrap()).await.unwrap();
        });
        let address = tokio::task::spawn_blocking(move || address.recv().unwrap()).await.unwrap();
        Bed { store, base: format!("http://{address}"), admin, limited, ids, _folder: folder }
    }

    /// Asks an operation of the AWS API, signed.
    async fn signed(&self, key: &(String, String), method: &str, path: &str, query: &str, body: &str) -> (u16, String) {
        let host = self.base.trim_start_matches("http://").to_owned();
        let stamp = leastwise_server::clock::now().to_string().replace(['-', ':'], "");
        let day = &stamp[..8];
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let digest = |bytes: &[u8]| hex(&Sha256::digest(bytes));
        let mac = |key: &[u8], text: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let canonical = format!(
            "{method}\n{}\n{query}\nhost:{host}\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{}",
            path.replace('%', "%25"),
            digest(body.as_bytes())
        );
        let scope = format!("{day}/us-east-1/access-analyzer/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", digest(canonical.as_bytes()));
        let secret = ["us-east-1", "access-analyzer", "aws4_request"]
            .iter()
            .fold(mac(format!("AWS4{}", key.1).as_bytes(), day), |key, part| mac(&key, part));
        let signature = hex(&mac(&secret, &to_sign));
        let url = if query.is_empty() { format!("{}{path}", self.base) } else { format!("{}{path}?{query}", self.base) };
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .request(method.parse().unwrap(), url)
            .header("x-amz-date", &stamp)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}", key.0),
            )
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn native(&self, key: &(String, String), method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .request(method.parse().unwrap(), format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}.{}", key.0, key.1))
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// That a text tells nothing of the other account, also not in what looks like base64. What the caller sent itself may come back.
fn tells_nothing(what: &str, text: &str, sent: &str) {
    let word = |text: &str, word: &str| text.to_lowercase().contains(word) && !sent.to_lowercase().contains(word);
    let mut texts = vec![text.to_owned()];
    for token in
        text.split(|sign: char| !(sign.is_ascii_alphanumeric() || "-_+/=".contains(sign))).filter(|token| token.len() > 20)
    {
        for engine in [&base64::engine::general_purpose::URL_SAFE_NO_PAD, &base64::engine::general_purpose::STANDARD] {
            texts.extend(engine.decode(token).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    for text in texts {
        for secret in ["alfa", OTHER, "4711"] {
            assert!(!word(&text, secret), "{what} tells `{secret}`: {text}");
        }
    }
}

/// Every operation of the model: name, method, path.
fn operations() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/access_analyzer.json")).unwrap();
    let model: Value = serde_json::from_str(&text).unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    model["operations"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, own)| (name.clone(), text(own, "method"), text(own, "uri")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_for_one_account_sees_nothing_of_another_in_any_operation_of_the_aws_api() {
    let bed = Bed::new("aws").await;
    let other_arn = format!("arn:aws:access-analyzer:us-east-1:{OTHER}:analyzer/org");
    let own_arn = format!("arn:aws:access-analyzer:us-east-1:{OWN}:analyzer/org");
    let all = operations();
    assert!(all.len() >= 24);
    let (mut told, mut good) = (0, 0);
    for (name, method, uri) in &all {
        for (arn, id, role) in
            [(&own_arn, &bed.ids[0], "own-0"), (&own_arn, &bed.ids[1], "own-0"), (&other_arn, &bed.ids[1], "own-0")]
        {
            let encoded = arn.replace(':', "%3A").replace('/', "%2F");
            for (analyzer, rule) in [("org", "own-rule"), ("org", "alfa-rule"), ("alfa-account", "alfa-wide")] {
                let path = uri
                    .replace("{analyzerName}", analyzer)
                    .replace("{ruleName}", rule)
                    .replace("{resourceArn}", &encoded)
                    .replace("{id}", id)
                    .replace("{findingId}", id)
                    .replace("{jobId}", id)
                    .replace("{accessPreviewId}", id);
                let query = if method == "GET" { format!("analyzerArn={encoded}&maxResults=1") } else { String::new() };
                let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
                let body = json!({
                    "analyzerArn": arn, "analyzerName": analyzer, "ruleName": rule, "type": "ACCOUNT_UNUSED_ACCESS", "status": "ACTIVE", "ids": [id],
                    "filter": {"resourceOwnerAccount": {"eq": [OWN]}}, "policyDocument": policy, "policyType": "IDENTITY_POLICY", "maxResults": 1,
                    "existingPolicyDocument": policy, "newPolicyDocument": policy, "access": [{"actions": ["s3:GetObject"]}],
                    "resourceType": "AWS::S3::Bucket", "tags": {"a": "b"}, "resourceArn": format!("arn:aws:iam::{OWN}:role/{role}"),
                });
                // Lists are asked for as a whole, too.
                let plain = json!({"analyzerArn": arn, "sort": {"attributeName": "resource"}, "maxResults": 1});
                let by_resource =
                    json!({"analyzerArn": arn, "status": "ARCHIVED", "resourceArn": format!("arn:aws:iam::{OTHER}:role/alfa-1")});
                for body in [body.to_string(), plain.to_string(), by_resource.to_string()] {
                    let body = if method == "GET" || method == "DELETE" { String::new() } else { body };
                    let (status, text) = bed.signed(&bed.limited, method, &path, &query, &body).await;
                    assert_ne!(status, 500, "{name}: {text}");
                    good += usize::from(status == 200);
                    tells_nothing(name, &text, &format!("{path} {query} {body} {}", path.replace("%3A", ":")));
                }
            }
        }
        // The same is told to whoever sees all: the words would be found.
        let path = uri.replace("{analyzerName}", "org").replace("{ruleName}", "alfa-rule").replace("{id}", &bed.ids[1]);
        let encoded = other_arn.replace(':', "%3A").replace('/', "%2F");
        let path = path.replace("{resourceArn}", &encoded);
        let query = if method == "GET" { format!("analyzerArn={encoded}") } else { String::new() };
        if [
            "GetAnalyzer",
            "ListAnalyzers",
            "ListArchiveRules",
            "GetArchiveRule",
            "ListFindingsV2",
            "GetFindingV2",
            "ListTagsForResource",
        ]
        .contains(&name.as_str())
        {
            let body = if method == "POST" { json!({"analyzerArn": other_arn}).to_string() } else { String::new() };
            let (status, text) = bed.signed(&bed.admin, method, &path, &query, &body).await;
            assert_eq!(status, 200, "{name}: {text}");
            told += usize::from(text.contains("alfa"));
        }
    }
    assert_eq!(told, 7, "whoever sees all sees the other account");
    assert!(good > 20, "the limited key was answered: {good}");
    // It sees its own.
    let query = format!("analyzerArn={}", own_arn.replace(':', "%3A").replace('/', "%2F"));
    let (status, text) = bed.signed(&bed.limited, "GET", &format!("/findingv2/{}", bed.ids[0]), &query, "").await;
    assert!(status == 200 && text.contains(OWN), "{text}");
    let (_, text) = bed.signed(&bed.limited, "GET", "/analyzer/org/archive-rule", "", "").await;
    assert!(text.contains("own-rule"), "{text}");
    let (_, text) = bed.signed(&bed.limited, "GET", "/analyzer", "", "").await;
    assert!(text.contains(&own_arn), "{text}");
    // Nothing of the other account was changed.
    let analyzer = bed.store.analyzer("org").await.unwrap();
    assert_eq!(bed.store.finding(&analyzer, &bed.ids[1]).await.unwrap().summary.archiving.unwrap().by, "user:alfa-user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_for_one_account_sees_nothing_of_another_in_any_operation_of_the_native_api() {
    let bed = Bed::new("native").await;
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut good = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            for (id, account, analyzer) in
                [(&bed.ids[0], OWN, "org"), (&bed.ids[1], OTHER, "alfa-account"), (&bed.ids[1], OTHER, "org")]
            {
                let arn = format!("arn%3Aaws%3Aiam%3A%3A{account}%3Arole%2F{}", if account == OWN { "own-0" } else { "alfa-1" });
                let path = path
                    .replace("{id}", id)
                    .replace("{analyzer}", analyzer)
                    .replace("{arn}", &arn)
                    .replace("{alternative}", "1")
                    .replace("{step}", "1")
                    .replace("{key}", &bed.admin.0);
                if path.ends_with("/events") || path.ends_with("openapi.json") {
                    continue;
                }
                let (status, text) =
                    bed.native(&bed.limited, &method.to_uppercase(), &path, r#"{"alternative": 1, "name": "x"}"#).await;
                assert!(status < 500, "{method} {path}: {text}");
                if id == &bed.ids[1] && path.contains("/findings/") {
                    assert_eq!(status, 404, "{method} {path}: {text}");
                }
                good += usize::from(status < 300);
                tells_nothing(&format!("{method} {path}"), &text, &path.replace("%3A", ":"));
            }
        }
    }
    assert!(good > 10, "{good}");
    for (path, status) in [
        ("/metrics", 403),
        ("/api/v1/keys", 403),
        ("/api/v1/findings?limit=1", 200),
        ("/api/v1/findings?account=111111111111", 200),
    ] {
        let (answered, text) = bed.native(&bed.limited, "GET", path, "").await;
        assert_eq!(answered, status, "{path}: {text}");
        tells_nothing(path, &text, path);
    }
    // Whoever sees all, does.
    let (_, text) = bed.native(&bed.admin, "GET", "/api/v1/findings?analyzer=org", "").await;
    assert!(text.contains("alfa-1"), "{text}");
    // A page leads to the next, for the same caller alone.
    let (_, text) = bed.native(&bed.admin, "GET", "/api/v1/findings?analyzer=org&limit=2", "").await;
    let next = serde_json::from_str::<Value>(&text).unwrap()["next"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/findings?analyzer=org&limit=2&after={next}");
    assert_eq!(bed.native(&bed.admin, "GET", &path, "").await.0, 200);
    assert_eq!(bed.native(&bed.limited, "GET", &path, "").await.0, 400);
    // The stream tells changes of the own findings and no others.
    let url = format!("{}/api/v1/events?after=0", bed.base);
    let token = format!("Bearer {}.{}", bed.limited.0, bed.limited.1);
    let analyzer = bed.store.analyzer("org").await.unwrap();
    bed.store.archive(&analyzer, &bed.ids[..1], Some("mine"), None, &Change::by("user:bea")).await.unwrap();
    let mut answer =
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).header("authorization", token).send().await.unwrap();
    let mut text = String::new();
    while !text.contains("mine") {
        text.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().unwrap()));
    }
    tells_nothing("events", &text, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_made_used_as_a_bearer_token_and_taken_back() {
    let bed = Bed::new("keys").await;
    let (status, text) =
        bed.native(&bed.admin, "POST", "/api/v1/keys", r#"{"name": "ci", "scope": "read", "accounts": ["222222222222"]}"#).await;
    assert_eq!(status, 201, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let key = (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned());
    assert_eq!(made["token"].as_str().unwrap(), format!("{}.{}", key.0, key.1));
    assert_eq!(bed.native(&key, "GET", "/api/v1/analyzers", "").await.0, 200);
    let (_, listed) = bed.native(&bed.admin, "GET", "/api/v1/keys", "").await;
    assert!(listed.contains(&key.0) && !listed.contains(&key.1), "{listed}");
    assert_eq!(bed.native(&(key.0.clone(), format!("{}x", key.1)), "GET", "/api/v1/analyzers", "").await.0, 401);
    assert_eq!(bed.native(&key, "POST", "/api/v1/keys", r#"{"name": "more"}"#).await.0, 403);
    for wrong in [
        "",
        "[]",
        "{}",
        r#"{"name": ""}"#,
        r#"{"name": "x", "scope": "root"}"#,
        r#"{"name": "x", "accounts": []}"#,
        r#"{"name": "x", "accounts": ["1"]}"#,
        r#"{"name": "x", "scope": "administer", "accounts": ["222222222222"]}"#,
        r#"{"name": "x", "expiresAt": "soon"}"#,
        r#"{"name": "x", "role": "y"}"#,
    ] {
        assert_eq!(bed.native(&bed.admin, "POST", "/api/v1/keys", wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(bed.native(&bed.admin, "DELETE", &format!("/api/v1/keys/{}", key.0), "").await.0, 204);
    assert_eq!(bed.native(&key, "GET", "/api/v1/analyzers", "").await.0, 401);
    let (status, text) = bed.native(&bed.admin, "DELETE", "/api/v1/keys/nothing", "").await;
    assert!(status == 404 && text.contains("does not exist"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_for_one_account_sees_nothing_of_another_on_any_page_and_sessions_end_with_what_they_stand_on() {
    let bed = Bed::new("pages").await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let cookies = |answer: &reqwest::Response| {
        let all = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned());
        all.filter(|one| !one.ends_with('=')).collect::<Vec<_>>().join("; ")
    };
    let sign_in = async || {
        let page = client.get(format!("{}/sign-in", bed.base)).send().await.unwrap();
        let own = cookies(&page);
        let text = page.text().await.unwrap();
        let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = format!("csrf={csrf}&name=bea&password=correct+horse+battery");
        let url = format!("{}/sign-in", bed.base);
        let request = client.post(url).header("cookie", own).header("origin", &bed.base);
        let sent = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
        assert_eq!(sent.status().as_u16(), 303);
        cookies(&sent)
    };
    let session = sign_in().await;
    let get = async |path: &str, session: &str| {
        let answer = client.get(format!("{}{path}", bed.base)).header("cookie", session).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (own, other) = (&bed.ids[0], &bed.ids[1]);
    for path in [
        "/",
        "/findings",
        "/findings?status=all",
        "/findings?status=all&account=111111111111",
        "/findings/export.csv?status=all",
        "/findings/export.json?status=all",
        "/accounts",
        "/coverage",
        "/rules",
        "/analyzers",
        "/audit",
        "/accounts/222222222222",
        &format!("/findings/{own}"),
        &format!("/findings/{own}/evidence"),
        "/principals/arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Fown-0",
    ] {
        let (status, text) = get(path, &session).await;
        assert_eq!(status, 200, "{path}: {text}");
        tells_nothing(path, &text, path);
    }
    for path in [
        &format!("/findings/{other}"),
        &format!("/findings/{other}/evidence"),
        "/accounts/111111111111",
        "/principals/arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Falfa-1",
        &format!("/findings/{other}/recommendation/1/1/policy.json"),
    ] {
        let (status, text) = get(path, &session).await;
        assert_eq!(status, 404, "{path}: {text}");
        tells_nothing(path, &text, &path.replace("%3A", ":"));
    }
    assert_eq!(get("/settings", &session).await.0, 403);
    assert!(get("/findings?status=all", &session).await.1.contains("own-0"));
    // Another password, another scope or account, or no user any more: the session is over.
    let user = bed.store.user("bea").await.unwrap().unwrap();
    bed.store.put_user(&User { accounts: String::new(), ..user.clone() }, &Change::own()).await.unwrap();
    assert_eq!(get("/findings", &session).await.0, 303);
    let session = sign_in().await;
    assert_eq!(get("/findings", &session).await.0, 200);
    bed.store.delete_user("bea", &Change::own()).await.unwrap();
    assert_eq!(get("/findings", &session).await.0, 303);
}
