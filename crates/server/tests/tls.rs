//! TLS by certificate files: what is wrong with them is said with the file, and renewed ones are taken without a new start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise_server::store::Location;
use leastwise_server::{Inputs, InputsFailure, Options, TlsFiles, Visit};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.0.join("certificate.pem"), key: self.0.join("key.pem") }
    }

    /// A certificate for `localhost` with its key; its bytes.
    fn renew(&self) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let files = self.files();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_the_file() {
    let folder = Folder::new("wrong");
    let files = folder.files();
    let says = |files: &TlsFiles| files.read().unwrap_err().to_string();
    assert!(says(&files).starts_with(&format!("{}: No such file", files.certificate.display())), "{}", says(&files));
    folder.renew();
    files.read().unwrap();
    let key = std::fs::read_to_string(&files.key).unwrap();
    let certificate = std::fs::read_to_string(&files.certificate).unwrap();
    folder.renew();
    std::fs::write(&files.key, &key).unwrap();
    let other = says(&files);
    assert_eq!(other, format!("{}: is not the key of the certificate in {}", files.key.display(), files.certificate.display()));
    std::fs::write(&files.key, &certificate).unwrap();
    assert_eq!(says(&files), format!("{}: has no private key, or one with a password", files.key.display()));
    std::fs::write(&files.certificate, &key).unwrap();
    assert_eq!(says(&files), format!("{}: has no certificate", files.certificate.display()));
    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(says(&files).starts_with(&format!("{}: is no PEM", files.certificate.display())), "{}", says(&files));
    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    std::fs::write(&files.key, &key).unwrap();
    assert!(says(&files).contains("the certificate is not valid"), "{}", says(&files));
}

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

/// Asks by TLS, trusting only this certificate.
async fn ask(port: u16, trusted: &[u8], path: &str) -> Result<reqwest::Response, reqwest::Error> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_built_in_root_certs(false)
        .add_root_certificate(reqwest::Certificate::from_der(trusted).unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    client.get(format!("https://localhost:{port}{path}")).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_speaks_tls_alone_and_takes_a_renewed_one() {
    let folder = Folder::new("served");
    let first = folder.renew();
    let options = Options {
        rescan: Duration::from_secs(3_600),
        tls: Some(folder.files()),
        certificate_checked_every: Duration::from_millis(100),
        ..Options::of("127.0.0.1:0".parse().unwrap(), Location::Sqlite(folder.0.join("store.db")))
    };
    let (said, address) = std::sync::mpsc::channel();
    let server = tokio::spawn(leastwise_server::serve(options, Arc::new(Nothing), move |address, setup| {
        said.send((address, setup)).unwrap();
    }));
    let (address, setup) = tokio::task::spawn_blocking(move || address.recv().unwrap()).await.unwrap();
    let port = address.port();

    // A connection that never says anything delays nobody.
    let _silent = std::net::TcpStream::connect(address).unwrap();
    let answer = ask(port, &first, "/healthz").await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert!(
        reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(format!("http://localhost:{port}/healthz"))
            .send()
            .await
            .is_err()
    );

    // The cookie of whoever signs in is for TLS only.
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_built_in_root_certs(false)
        .add_root_certificate(reqwest::Certificate::from_der(&first).unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let token = setup.unwrap();
    let page = client.get(format!("https://localhost:{port}/setup?token={token}")).send().await.unwrap();
    let own = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let text = page.text().await.unwrap();
    let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}&token={token}&name=ada&password=correct+horse+battery&again=correct+horse+battery");
    let sent = client
        .post(format!("https://localhost:{port}/setup"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", format!("https://localhost:{port}"))
        .header("cookie", own)
        .body(form)
        .send()
        .await
        .unwrap();
    let cookie = sent.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    assert!(cookie.as_deref().is_some_and(|cookie| cookie.contains("; Secure") && cookie.contains("HttpOnly")), "{sent:?}");

    let second = folder.renew();
    let begun = Instant::now();
    while ask(port, &second, "/healthz").await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the renewed certificate is not taken");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(ask(port, &first, "/healthz").await.is_err(), "the old one is not used any more");

    // Files that are not right change nothing.
    std::fs::write(folder.files().key, "no key").unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(ask(port, &second, "/healthz").await.unwrap().status().is_success());
    server.abort();
}
