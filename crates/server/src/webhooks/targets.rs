//! Where webhooks may lead: not to this machine and not into its networks, unless the operator allows them.
//!
//! Under settings, which ask when a webhook is made, and under the sender, which asks at every delivery, after the name was resolved and for
//! the very address that is connected to. So a name that leads elsewhere later, or to several addresses, leads nowhere that is not allowed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::networks::{Network, is_public};

/// How names become addresses.
type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// What webhooks may reach. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Targets {
    allowed: Arc<[Network]>,
    lookup: Lookup,
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// An address that is refused.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_ALLOWED)
    }
}

impl std::error::Error for Refused {}

const NOT_ALLOWED: &str =
    "the address leads to this machine or into a network that is not public; the operator can allow it with `--webhook-network`";

impl Targets {
    /// The public internet, and these networks besides.
    pub(crate) fn new(allowed: Vec<Network>) -> Targets {
        let lookup: Lookup = Arc::new(|host| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
        });
        Targets { allowed: allowed.into(), lookup }
    }

    fn admits(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|network| network.contains(address))
    }

    /// Whether an address can be one of a webhook at all, as far as can be told without resolving its name.
    ///
    /// # Errors
    /// With what is wrong, for people.
    pub(crate) fn check(&self, url: &str) -> Result<Url, String> {
        let parsed = Url::parse(url).map_err(|error| format!("the address is none: {error}"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("the address has a name or a password in it; receivers check the signature instead".to_owned());
        }
        if url.len() > MAX_URL {
            return Err(format!("the address has more than {MAX_URL} bytes"));
        }
        let host = parsed.host_str().unwrap_or_default().to_owned();
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if literal.is_some_and(|address| !self.admits(address)) {
            return Err(NOT_ALLOWED.to_owned());
        }
        let is_allowed_inside = literal.is_some_and(|address| !is_public(address));
        match parsed.scheme() {
            "https" => Ok(parsed),
            "http" if is_allowed_inside => Ok(parsed),
            "http" if host == "localhost" && self.admits(IpAddr::from([127, 0, 0, 1])) => Ok(parsed),
            "http" => {
                Err("the address begins with https://; http:// is for addresses in networks that the operator allows".to_owned())
            }
            _ => Err("the address begins with https://".to_owned()),
        }
    }
}

/// The longest address of a webhook, in bytes.
const MAX_URL: usize = 2048;

impl Resolve for Targets {
    fn resolve(&self, name: Name) -> Resolving {
        let (targets, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = (targets.lookup)(host).await?;
            let admitted: Vec<SocketAddr> =
                found.into_iter().filter(|address| targets.admits(*address)).map(|address| SocketAddr::new(address, 0)).collect();
            if admitted.is_empty() {
                return Err(Box::new(Refused) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// As much of an address as is shown: where it leads, and nothing of its path, which may be the secret.
pub(crate) fn shown(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "…".to_owned() };
    let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}/…", parsed.scheme(), parsed.host_str().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn targets(allowed: &[&str], resolved: &'static [&'static str]) -> Targets {
        let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(resolved.iter().map(|text| text.parse().unwrap()).collect()) }));
        let allowed: Vec<Network> = allowed.iter().map(|text| Network::parse(text).unwrap()).collect();
        Targets { allowed: allowed.into(), lookup }
    }

    #[test]
    fn addresses_of_this_machine_of_private_networks_and_of_metadata_are_refused_however_they_are_written() {
        let none = targets(&[], &[]);
        for good in ["https://hooks.example/x", "https://8.8.8.8/x", "https://[2606:4700::1111]:8443/"] {
            assert!(none.check(good).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://10.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0/",
            "https://[fd00:ec2::254]/",
            "http://hooks.example/x",
            "http://localhost/",
            "https://ana:secret@hooks.example/",
            "https://token@hooks.example/",
            "file:///etc/passwd",
            "ftp://x",
            "",
            "https:",
        ] {
            assert!(none.check(bad).is_err(), "{bad}");
        }
        let inside = targets(&["127.0.0.0/8", "10.0.0.0/8"], &[]);
        for good in ["http://127.0.0.1:1/x", "http://localhost:1/x", "http://10.1.2.3/", "https://10.1.2.3/"] {
            assert!(inside.check(good).is_ok(), "{good}");
        }
        assert!(inside.check("https://192.168.0.1/").is_err() && inside.check("http://8.8.8.8/").is_err());
    }

    #[tokio::test]
    async fn a_name_leads_only_to_addresses_that_are_allowed_whatever_it_resolves_to() {
        let resolve =
            async |targets: Targets| targets.resolve("hooks.example".parse().unwrap()).await.map(|all| all.collect::<Vec<_>>());
        assert!(resolve(targets(&[], &["169.254.169.254"])).await.is_err());
        assert!(resolve(targets(&[], &["127.0.0.1", "::1", "10.0.0.1", "::ffff:192.168.0.1"])).await.is_err());
        let mixed = resolve(targets(&[], &["8.8.8.8", "127.0.0.1"])).await.unwrap();
        assert_eq!(mixed, ["8.8.8.8:0".parse().unwrap()]);
        assert_eq!(resolve(targets(&["10.0.0.0/8"], &["10.0.0.1"])).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_request_to_a_name_that_leads_inside_is_never_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(targets(&[], &["127.0.0.1"]))).build().unwrap();
        let error = client.post(format!("http://hooks.example:{port}/")).send().await.unwrap_err();
        assert!(super::super::sender::chain(&error.without_url()).contains("not public"), "the refusal is told");
        assert!(listener.accept().is_err(), "no connection was made");
    }

    #[test]
    fn what_is_shown_of_an_address_is_not_its_path() {
        assert_eq!(shown("https://hooks.slack.example/services/T0/B0/secret?x=1"), "https://hooks.slack.example/…");
        assert_eq!(shown("http://127.0.0.1:9000/hook"), "http://127.0.0.1:9000/…");
    }
}
