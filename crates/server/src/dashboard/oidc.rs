//! Signing in with an OpenID Connect provider: authorization code with PKCE.
//!
//! Beside `sign_in.rs`, which makes the session. The ID token comes straight from the provider's token endpoint over a
//! connection that TLS protects, so that its issuer is certain without its signature (OpenID Connect Core 1.0, 3.1.3.7, 6); issuer,
//! audience, time and nonce are checked here. Whoever the provider knows is let in only when the server was told so.

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::fields::{Fields, written};
use super::sign_in::open;
use super::site::{Refusal, Site, local};
use super::visitor::{cookie, cookie_line, cookie_name, same, token};
use crate::clock;

/// How to sign in with a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcOptions {
    /// The provider's issuer, such as `https://accounts.example`.
    pub issuer: String,
    /// What the provider calls this server.
    pub client_id: String,
    /// What this server proves itself with; none for a public client.
    pub client_secret: Option<String>,
    /// Where browsers reach this server, such as `https://leastwise.example`.
    pub public_url: String,
    /// Who is let in: addresses of mail, `@domain` for all of a domain, `*` for everybody whom the provider knows.
    pub allow: Vec<String>,
    /// What they may do: `read`, `archive` or `administer`.
    pub scopes: String,
}

/// A provider.
pub(crate) struct Provider {
    /// Its name, as the sign-in page shows it.
    pub(super) name: String,
    options: OidcOptions,
    client: reqwest::Client,
    endpoints: OnceCell<Endpoints>,
}

#[derive(Debug, Clone)]
struct Endpoints {
    authorization: String,
    token: String,
}

/// Whether an address is reached by TLS, or on this machine.
fn is_safe(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    parsed.scheme() == "https"
        || (parsed.scheme() == "http" && matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// For how many seconds somebody may take to sign in at the provider.
const PATIENCE: i64 = 600;
/// By how many seconds clocks may differ.
const SKEW: i64 = 120;

impl Provider {
    /// A provider, which is asked for nothing yet.
    ///
    /// # Errors
    /// When the options are not safe, or nobody would be let in.
    pub(crate) fn new(options: OidcOptions) -> Result<Provider, String> {
        if !is_safe(&options.issuer) {
            return Err(format!("`{}` is no issuer: its address begins with https://", options.issuer));
        }
        if !is_safe(&options.public_url) {
            return Err(format!("`{}` is no public address: it begins with https://", options.public_url));
        }
        if options.allow.is_empty() {
            return Err("nobody could sign in with the provider: say who may".to_owned());
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        let name =
            reqwest::Url::parse(&options.issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Provider { name, options, client, endpoints: OnceCell::new() })
    }

    fn redirect(&self) -> String {
        format!("{}/sign-in/oidc/back", self.options.public_url.trim_end_matches('/'))
    }

    async fn endpoints(&self) -> Result<&Endpoints, String> {
        self.endpoints
            .get_or_try_init(|| async {
                let issuer = self.options.issuer.trim_end_matches('/');
                let known = self.json(self.client.get(format!("{issuer}/.well-known/openid-configuration"))).await?;
                let text = |name: &str| known.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                if text("issuer").trim_end_matches('/') != issuer {
                    return Err(format!("the provider calls itself `{}`", text("issuer")));
                }
                let endpoints = Endpoints { authorization: text("authorization_endpoint"), token: text("token_endpoint") };
                let are_safe = is_safe(&endpoints.authorization) && is_safe(&endpoints.token);
                if are_safe { Ok(endpoints) } else { Err("the provider's addresses are not protected by TLS".to_owned()) }
            })
            .await
    }

    async fn json(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answer =
            request.header("accept", "application/json").send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| error.without_url().to_string())?;
        if !status.is_success() {
            return Err(format!("the provider answers {}", status.as_u16()));
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("the provider's answer is no JSON: {error}"))
    }

    /// The claims of the ID token for a code.
    async fn claims(&self, code: &str, verifier: &str) -> Result<Value, String> {
        let endpoints = self.endpoints().await?;
        let redirect = self.redirect();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
            ("client_id", &self.options.client_id),
        ];
        form.extend(self.options.client_secret.as_deref().map(|secret| ("client_secret", secret)));
        let body = written(form.into_iter());
        let request = self.client.post(&endpoints.token).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = self.json(request).await?;
        let token = answer.get("id_token").and_then(Value::as_str).ok_or("the provider gives no ID token")?;
        let body = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or("the ID token is none")?;
        serde_json::from_slice(&body).map_err(|error| format!("the ID token is no JSON: {error}"))
    }
}

/// Whether the claims are for us, from the issuer, of now, and for this attempt; who it is.
fn judge(options: &OidcOptions, claims: &Value, nonce: &str, now: i64) -> Result<String, String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("iss").trim_end_matches('/') != options.issuer.trim_end_matches('/') {
        return Err(format!("the ID token is of another issuer, `{}`", text("iss")));
    }
    let audience = match claims.get("aud") {
        Some(Value::Array(all)) => {
            all.iter().any(|one| one.as_str() == Some(&options.client_id)) && (all.len() == 1 || text("azp") == options.client_id)
        }
        other => other.and_then(Value::as_str) == Some(&options.client_id),
    };
    if !audience {
        return Err("the ID token is for somebody else".to_owned());
    }
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|until| until + SKEW < now) {
        return Err("the ID token is over".to_owned());
    }
    if !same(text("nonce"), nonce) {
        return Err("the ID token is of another attempt".to_owned());
    }
    let mail = text("email").to_ascii_lowercase();
    let is_verified = claims.get("email_verified").and_then(Value::as_bool) == Some(true);
    let allowed = options.allow.iter().map(|one| one.to_ascii_lowercase()).any(|one| match one.as_str() {
        "*" => true,
        domain if domain.starts_with('@') => is_verified && mail.len() > domain.len() && mail.ends_with(domain),
        whole => is_verified && mail == whole,
    });
    let name = if mail.is_empty() || !is_verified { text("sub").to_owned() } else { mail };
    if name.is_empty() {
        return Err("the ID token names nobody".to_owned());
    }
    if allowed { Ok(name) } else { Err(format!("`{name}` is not let in")) }
}

fn provider(site: &Site) -> Result<&Provider, Refusal> {
    site.provider().ok_or_else(|| Refusal::Bad("No provider is set up for signing in.".to_owned()))
}

/// `GET /sign-in/oidc`: leads to the provider.
pub(super) async fn leave(State(site): State<Site>, uri: Uri) -> Result<Response, Refusal> {
    let provider = provider(&site)?;
    let endpoints = provider.endpoints().await.map_err(|why| {
        tracing::error!(why, "the provider cannot be used");
        Refusal::Bad("The provider does not answer as it should; the server's log says more.".to_owned())
    })?;
    let (state, nonce, verifier) = (token()?, token()?, token()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let mut address = reqwest::Url::parse(&endpoints.authorization).map_err(|error| Refusal::Fault(error.to_string()))?;
    address
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.options.client_id)
        .append_pair("redirect_uri", &provider.redirect())
        .append_pair("scope", "openid email")
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let fields = Fields::parse(uri.query().unwrap_or_default());
    let back = URL_SAFE_NO_PAD.encode(local(fields.of("back")));
    let kept = format!("{state}.{nonce}.{verifier}.{back}");
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie_line(&site, "oidc", &kept, PATIENCE))]);
    Ok((cookies, Redirect::to(address.as_str())).into_response())
}

/// `GET /sign-in/oidc/back`: comes back from the provider.
pub(super) async fn come_back(State(site): State<Site>, headers: HeaderMap, uri: Uri) -> Result<Response, Refusal> {
    let provider = provider(&site)?;
    let fields = Fields::parse(uri.query().unwrap_or_default());
    let kept = cookie(&headers, &cookie_name(&site, "oidc")).unwrap_or_default().to_owned();
    let mut parts = kept.split('.');
    let (Some(state), Some(nonce), Some(verifier), Some(back)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Forbidden("The sign-in took too long or began elsewhere. Try again."));
    };
    if !same(fields.of("state"), state) {
        return Err(Refusal::Forbidden("The sign-in began elsewhere. Try again."));
    }
    if fields.of("code").is_empty() {
        return Err(Refusal::Forbidden("The provider did not sign you in."));
    }
    let judged = match provider.claims(fields.of("code"), verifier).await {
        Ok(claims) => judge(&provider.options, &claims, nonce, clock::now().seconds()),
        Err(why) => Err(why),
    };
    let name = judged.map_err(|why| {
        tracing::warn!(why, "a sign-in with the provider failed");
        Refusal::Forbidden("The provider's answer does not let you in; the server's log says why.")
    })?;
    let back = URL_SAFE_NO_PAD.decode(back).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut response = open(&site, &format!("oidc:{name}"), &provider.options.scopes, local(&back)).await?;
    if let Ok(over) = cookie_line(&site, "oidc", "", 0).parse() {
        response.headers_mut().append(header::SET_COOKIE, over);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(allow: &[&str]) -> OidcOptions {
        OidcOptions {
            issuer: "https://issuer.example/".to_owned(),
            client_id: "leastwise".to_owned(),
            client_secret: None,
            public_url: "https://leastwise.example".to_owned(),
            allow: allow.iter().map(|one| (*one).to_owned()).collect(),
            scopes: "read".to_owned(),
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://issuer.example", "aud": "leastwise", "exp": 2000, "nonce": "n", "sub": "7",
            "email": "Ana@team.example", "email_verified": true})
    }

    #[test]
    fn whoever_is_named_or_of_a_named_domain_is_let_in() {
        for allow in [["ana@team.example"], ["@team.example"], ["*"]] {
            assert_eq!(judge(&options(&allow), &claims(), "n", 1000), Ok("ana@team.example".to_owned()));
        }
        for allow in [["bob@team.example"], ["@example"], ["@other.example"]] {
            assert!(judge(&options(&allow), &claims(), "n", 1000).is_err(), "{allow:?}");
        }
    }

    #[test]
    fn claims_of_others_old_ones_and_unverified_addresses_are_refused() {
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            judge(&options(&["@team.example"]), &claims, "n", 1000)
        };
        assert!(with("aud", json!(["leastwise"])).is_ok());
        for (name, value) in [
            ("iss", json!("https://elsewhere.example")),
            ("aud", json!("another")),
            ("aud", json!(["leastwise", "another"])),
            ("exp", json!(800)),
            ("exp", Value::Null),
            ("nonce", json!("m")),
            ("email_verified", json!(false)),
            ("email_verified", json!("true")),
            ("email", json!("ana@evil.example")),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name}: {value}");
        }
        assert!(judge(&options(&["*"]), &claims(), "", 1000).is_err());
    }

    #[test]
    fn a_provider_is_reached_by_tls_and_somebody_may_sign_in() {
        assert!(Provider::new(options(&["*"])).is_ok());
        assert!(Provider::new(options(&[])).is_err());
        assert!(Provider::new(OidcOptions { issuer: "http://issuer.example".to_owned(), ..options(&["*"]) }).is_err());
        assert!(Provider::new(OidcOptions { public_url: "http://leastwise.example".to_owned(), ..options(&["*"]) }).is_err());
    }
}
