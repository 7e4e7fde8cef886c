//! Signing in with an OpenID Connect provider: authorization code with PKCE, by the library `openidconnect`.
//!
//! Beside `sign_in.rs`, which makes the session. The library reads the provider's metadata and keys and verifies signature, issuer,
//! audience, time and nonce of the ID token. Here is decided who is let in, and which addresses are asked at all. A provider is asked by
//! TLS or on this machine, without following redirects.

use std::fmt;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use tokio::sync::Mutex;

use super::fields::Fields;
use super::sign_in::open;
use super::site::{PageError, Site, local};
use super::visitor::{cookie, cookie_line, cookie_name, same, token};
use crate::store::OF_PROVIDER;

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
    /// The accounts and organizational units that they see, joined by commas; empty for all.
    pub accounts: String,
}

/// A provider.
pub(crate) struct Provider {
    /// Its name, as the sign-in page shows it.
    pub(super) name: String,
    options: OidcOptions,
    client: reqwest::Client,
    /// What the provider says of itself, and when it was asked.
    metadata: Mutex<Option<(CoreProviderMetadata, Instant)>>,
}

/// Whether an address is reached by TLS, or on this machine.
fn is_safe(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    parsed.scheme() == "https"
        || (parsed.scheme() == "http" && matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// For how many seconds somebody may take to sign in at the provider.
const SIGN_IN_TIMEOUT: i64 = 600;
/// For how long metadata and keys of the provider are believed.
const METADATA_AGE: Duration = Duration::from_secs(3600);
/// After a signature by a key that is not known, the keys are asked for again, at most so often.
const KEYS_AGE: Duration = Duration::from_secs(30);
/// The longest answer of a provider, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Signatures by the provider's own keys. Neither `none` nor those by a secret that two share.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

fn strict(verifier: CoreIdTokenVerifier<'_>) -> CoreIdTokenVerifier<'_> {
    verifier.set_allowed_algs(ALGORITHMS)
}

/// Why the provider was not asked, or gave no answer.
#[derive(Debug)]
struct HttpError(String);

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HttpError {}

/// An error with what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(own) = cause {
        text = format!("{text}: {own}");
        cause = own.source();
    }
    text
}

async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    if !is_safe(&request.uri().to_string()) {
        return Err(HttpError("the address is not protected by TLS".to_owned()));
    }
    let of_client = |error: reqwest::Error| HttpError(chain(&error.without_url()));
    let request = reqwest::Request::try_from(request).map_err(of_client)?;
    let mut answer = client.execute(request).await.map_err(of_client)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(of_client)? {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return Err(HttpError(format!("the answer has more than {MAX_ANSWER} bytes")));
        }
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Whom an ID token names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Named {
    subject: String,
    mail: Option<String>,
    is_mail_verified: bool,
}

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
        if let Some(wrong) = crate::auth::wrong_words(&options.accounts).first() {
            return Err(format!("`{wrong}` is neither an account of 12 digits nor an organizational unit as ou-abcd-11112222"));
        }
        if options.scopes == "administer" && !options.accounts.is_empty() {
            return Err("whoever administers sees all accounts; let them do `read` or `archive`".to_owned());
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        let name =
            reqwest::Url::parse(&options.issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Provider { name, options, client, metadata: Mutex::default() })
    }

    /// What the provider says of itself, asked anew when it is older than `age`.
    async fn metadata(&self, age: Duration) -> Result<CoreProviderMetadata, String> {
        let mut known = self.metadata.lock().await;
        if let Some((metadata, asked)) = known.as_ref()
            && asked.elapsed() < age
        {
            return Ok(metadata.clone());
        }
        let http = |request| ask(self.client.clone(), request);
        let discover = async |issuer: String| {
            let issuer = IssuerUrl::new(issuer).map_err(|error| chain(&error))?;
            CoreProviderMetadata::discover_async(issuer, &http).await.map_err(|error| chain(&error))
        };
        // The issuer is compared to the letter, and people write it with and without the last slash.
        let issuer = self.options.issuer.trim_end_matches('/').to_owned();
        let found = match discover(self.options.issuer.clone()).await {
            Ok(found) => found,
            Err(why) => {
                let other = if self.options.issuer.ends_with('/') { issuer } else { format!("{issuer}/") };
                discover(other).await.map_err(|_| why)?
            }
        };
        let is_token_safe = found.token_endpoint().is_some_and(|url| is_safe(url.as_str()));
        if !is_safe(found.authorization_endpoint().as_str()) || !is_token_safe {
            return Err("the provider's addresses are not protected by TLS".to_owned());
        }
        *known = Some((found.clone(), Instant::now()));
        Ok(found)
    }

    /// Whom the ID token for a code names, once all of it is verified.
    async fn named(&self, code: &str, verifier: &str, nonce: &str) -> Result<Named, String> {
        let metadata = self.metadata(METADATA_AGE).await?;
        let redirect = RedirectUrl::new(self.redirect()).map_err(|error| chain(&error))?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_body = methods.is_none_or(|all| all.contains(&CoreClientAuthMethod::ClientSecretPost));
        let auth = if takes_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        let client_of = |metadata: CoreProviderMetadata| {
            let secret = self.options.client_secret.clone().map(ClientSecret::new);
            CoreClient::from_provider_metadata(metadata, ClientId::new(self.options.client_id.clone()), secret)
        };
        let client = client_of(metadata).set_redirect_uri(redirect).set_auth_type(auth);
        let http = |request| ask(self.client.clone(), request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| chain(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .request_async(&http)
            .await
            .map_err(|error| chain(&error))?;
        let given = answer.id_token().ok_or("the provider gives no ID token")?;
        let nonce = Nonce::new(nonce.to_owned());
        let client = match given.claims(&strict(client.id_token_verifier()), &nonce) {
            // The provider may have new keys since.
            Err(ClaimsVerificationError::SignatureVerification(_)) => client_of(self.metadata(KEYS_AGE).await?),
            _ => client_of(self.metadata(METADATA_AGE).await?),
        };
        let verifier = strict(client.id_token_verifier());
        let claims = given.claims(&verifier, &nonce).map_err(|error| chain(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = given.signing_alg().map_err(|error| chain(&error))?;
            let key = given.signing_key(&verifier).map_err(|error| chain(&error))?;
            let own = AccessTokenHash::from_token(answer.access_token(), algorithm, key).map_err(|error| chain(&error))?;
            if own != *expected {
                return Err("the ID token is of another access token".to_owned());
            }
        }
        Ok(Named {
            subject: claims.subject().to_string(),
            mail: claims.email().map(|mail| mail.to_ascii_lowercase()),
            is_mail_verified: claims.email_verified() == Some(true),
        })
    }

    fn redirect(&self) -> String {
        format!("{}/sign-in/oidc/back", self.options.public_url.trim_end_matches('/'))
    }

    /// Whether somebody who has signed in with the provider would be let in now, to do and see the same.
    pub(super) fn admits_still(&self, name: &str, scopes: &str, accounts: &str) -> bool {
        let named = Named { subject: name.to_owned(), mail: Some(name.to_owned()), is_mail_verified: true };
        // A name without an address of mail is one of those who are let in whoever they are.
        let named = if name.contains('@') { named } else { Named { mail: None, ..named } };
        self.options.scopes == scopes && self.options.accounts == accounts && admitted(&self.options, &named).is_ok()
    }
}

/// The name under which somebody is let in, if they are.
fn admitted(options: &OidcOptions, named: &Named) -> Result<String, String> {
    let mail = named.mail.as_deref().filter(|_| named.is_mail_verified).unwrap_or_default();
    let allowed = options.allow.iter().map(|one| one.to_ascii_lowercase()).any(|one| match one.as_str() {
        "*" => true,
        domain if domain.starts_with('@') => mail.len() > domain.len() && mail.ends_with(domain),
        whole => !whole.is_empty() && mail == whole,
    });
    let name = if mail.is_empty() { named.subject.clone() } else { mail.to_owned() };
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err("the ID token names nobody".to_owned());
    }
    if allowed { Ok(name) } else { Err(format!("`{name}` is not let in")) }
}

/// The longest name of somebody whom a provider knows, in bytes.
const MAX_NAME: usize = 256;

fn provider(site: &Site) -> Result<&Provider, PageError> {
    site.provider().ok_or_else(|| PageError::Bad("No provider is set up for signing in.".to_owned()))
}

/// `GET /sign-in/oidc`: leads to the provider.
pub(super) async fn leave(State(site): State<Site>, uri: Uri) -> Result<Response, PageError> {
    let provider = provider(&site)?;
    let fault = |why: String| {
        tracing::error!(why, "the provider cannot be used");
        PageError::Bad("The provider does not answer as it should; the server's log says more.".to_owned())
    };
    let metadata = provider.metadata(METADATA_AGE).await.map_err(fault)?;
    let redirect = RedirectUrl::new(provider.redirect()).map_err(|error| fault(chain(&error)))?;
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(provider.options.client_id.clone()), None);
    let client = client.set_redirect_uri(redirect);
    let (state, nonce, verifier) = (token()?, token()?, token()?);
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
    let (own_state, own_nonce) = (state.clone(), nonce.clone());
    let (address, _, _) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(own_state),
            move || Nonce::new(own_nonce),
        )
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let fields = Fields::parse(uri.query().unwrap_or_default());
    let back: String = local(fields.of("back")).chars().take(MAX_BACK).collect();
    let kept = format!("{state}.{nonce}.{verifier}.{}", URL_SAFE_NO_PAD.encode(back));
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie_line(&site, "oidc", &kept, SIGN_IN_TIMEOUT))]);
    Ok((cookies, Redirect::to(address.as_str())).into_response())
}

/// As much of an address to come back to as a cookie keeps, in characters.
const MAX_BACK: usize = 1024;

/// `GET /sign-in/oidc/back`: comes back from the provider.
pub(super) async fn come_back(State(site): State<Site>, headers: HeaderMap, uri: Uri) -> Result<Response, PageError> {
    let provider = provider(&site)?;
    let fields = Fields::parse(uri.query().unwrap_or_default());
    let kept = cookie(&headers, &cookie_name(&site, "oidc")).unwrap_or_default().to_owned();
    let mut parts = kept.split('.');
    let (Some(state), Some(nonce), Some(verifier), Some(back)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(PageError::Forbidden("The sign-in took too long or began elsewhere. Try again."));
    };
    if !same(fields.of("state"), state) || nonce.is_empty() || verifier.is_empty() {
        return Err(PageError::Forbidden("The sign-in began elsewhere. Try again."));
    }
    if fields.of("code").is_empty() {
        return Err(PageError::Forbidden("The provider did not sign you in."));
    }
    let named = provider.named(fields.of("code"), verifier, nonce).await;
    let name = named.and_then(|named| admitted(&provider.options, &named)).map_err(|why| {
        tracing::warn!(why, "a sign-in with the provider failed");
        PageError::Forbidden("The provider's answer does not let you in; the server's log says why.")
    })?;
    let back = URL_SAFE_NO_PAD.decode(back).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (scopes, accounts) = (&provider.options.scopes, &provider.options.accounts);
    let mut response = open(&site, &format!("{OF_PROVIDER}{name}"), scopes, accounts, local(&back)).await?;
    if let Ok(over) = cookie_line(&site, "oidc", "", 0).parse() {
        response.headers_mut().append(header::SET_COOKIE, over);
    }
    Ok(response)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet};
    use openidconnect::{
        Audience, EmptyAdditionalClaims, EndUserEmail, JsonWebKeyId, PrivateSigningKey, StandardClaims, SubjectIdentifier,
    };

    use super::*;

    fn options(allow: &[&str]) -> OidcOptions {
        OidcOptions {
            issuer: "https://issuer.example".to_owned(),
            client_id: "leastwise".to_owned(),
            client_secret: None,
            public_url: "https://leastwise.example".to_owned(),
            allow: allow.iter().map(|one| (*one).to_owned()).collect(),
            scopes: "read".to_owned(),
            accounts: String::new(),
        }
    }

    fn ana() -> Named {
        Named { subject: "7".to_owned(), mail: Some("ana@team.example".to_owned()), is_mail_verified: true }
    }

    #[test]
    fn whoever_is_named_or_of_a_named_domain_is_let_in() {
        for allow in [["ana@team.example"], ["@team.example"], ["*"]] {
            assert_eq!(admitted(&options(&allow), &ana()), Ok("ana@team.example".to_owned()));
        }
        for allow in [["bob@team.example"], ["@example"], ["@other.example"], [""]] {
            assert!(admitted(&options(&allow), &ana()).is_err(), "{allow:?}");
        }
        let unverified = Named { is_mail_verified: false, ..ana() };
        assert!(admitted(&options(&["@team.example"]), &unverified).is_err());
        assert_eq!(admitted(&options(&["*"]), &unverified), Ok("7".to_owned()));
    }

    #[test]
    fn a_session_ends_when_the_allow_list_the_scope_or_the_accounts_change() {
        let still = |options: OidcOptions| Provider::new(options).unwrap().admits_still("ana@team.example", "read", "");
        assert!(still(options(&["@team.example"])) && still(options(&["*"])));
        assert!(!still(options(&["bob@team.example"])));
        assert!(!still(OidcOptions { scopes: "archive".to_owned(), ..options(&["*"]) }));
        assert!(!still(OidcOptions { accounts: "111122223333".to_owned(), ..options(&["*"]) }));
        assert!(!Provider::new(options(&["@team.example"])).unwrap().admits_still("7", "read", ""));
    }

    fn key(id: &str) -> CoreEdDsaPrivateSigningKey {
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(id.to_owned()))).unwrap()
    }

    fn given(
        key: &CoreEdDsaPrivateSigningKey,
        issuer: &str,
        audience: &[&str],
        seconds: i64,
        nonce: Option<&str>,
    ) -> CoreIdToken {
        let now = chrono::Utc::now();
        let claims = CoreIdTokenClaims::new(
            IssuerUrl::new(issuer.to_owned()).unwrap(),
            audience.iter().map(|one| Audience::new((*one).to_owned())).collect(),
            now + chrono::Duration::seconds(seconds),
            now,
            StandardClaims::new(SubjectIdentifier::new("7".to_owned()))
                .set_email(Some(EndUserEmail::new("ana@team.example".to_owned())))
                .set_email_verified(Some(true)),
            EmptyAdditionalClaims {},
        )
        .set_nonce(nonce.map(|nonce| Nonce::new(nonce.to_owned())));
        CoreIdToken::new(claims, key, CoreJwsSigningAlgorithm::EdDsa, None, None).unwrap()
    }

    #[test]
    fn an_id_token_counts_only_when_signed_by_the_providers_key_for_us_in_time_and_for_this_attempt() {
        let (own, other) = (key("one"), key("one"));
        let issuer = "https://issuer.example";
        let keys = CoreJsonWebKeySet::new(vec![own.as_verification_key()]);
        let verifier = strict(CoreIdTokenVerifier::new_public_client(
            ClientId::new("leastwise".to_owned()),
            IssuerUrl::new(issuer.to_owned()).unwrap(),
            keys,
        ));
        let nonce = Nonce::new("n".to_owned());
        let counts = |token: &CoreIdToken| token.claims(&verifier, &nonce).is_ok();
        let good = given(&own, issuer, &["leastwise"], 60, Some("n"));
        assert!(counts(&good));
        assert!(!counts(&given(&other, issuer, &["leastwise"], 60, Some("n"))), "signed by another key");
        assert!(!counts(&given(&own, "https://elsewhere.example", &["leastwise"], 60, Some("n"))));
        assert!(!counts(&given(&own, issuer, &["another"], 60, Some("n"))));
        assert!(!counts(&given(&own, issuer, &["leastwise", "another"], 60, Some("n"))));
        assert!(!counts(&given(&own, issuer, &["leastwise"], -60, Some("n"))));
        assert!(!counts(&given(&own, issuer, &["leastwise"], 60, Some("m"))));
        assert!(!counts(&given(&own, issuer, &["leastwise"], 60, None)));
        // Without a signature, and with a part of it changed.
        let text = good.to_string();
        let parts: Vec<&str> = text.split('.').collect();
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), parts[1]);
        assert!(unsigned.parse::<CoreIdToken>().map_or(true, |token| !counts(&token)));
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap().replace("ana@", "eve@");
        let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims), parts[2]);
        assert!(!counts(&changed.parse().unwrap()));
    }

    #[test]
    fn a_provider_is_reached_by_tls_and_somebody_may_sign_in() {
        assert!(Provider::new(options(&["*"])).is_ok());
        assert!(Provider::new(options(&[])).is_err());
        assert!(Provider::new(OidcOptions { issuer: "http://issuer.example".to_owned(), ..options(&["*"]) }).is_err());
        assert!(Provider::new(OidcOptions { public_url: "http://leastwise.example".to_owned(), ..options(&["*"]) }).is_err());
        assert!(Provider::new(OidcOptions { accounts: "everything".to_owned(), ..options(&["*"]) }).is_err());
        let all = OidcOptions { scopes: "administer".to_owned(), accounts: "111122223333".to_owned(), ..options(&["*"]) };
        assert!(Provider::new(all).is_err());
    }
}
