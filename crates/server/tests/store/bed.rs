//! Stores to test in: a file in a folder that goes away, and a PostgreSQL cluster of our own.
use std::path::PathBuf;
use std::process::{Command, Stdio};

use leastwise::findings::FindingKind;
use leastwise_server::store::*;

/// A folder that goes away.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("leastwise-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) location: Location,
    cluster: Option<Cluster>,
    _folder: Folder,
}

impl Bed {
    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().unwrap()
    }

    pub(crate) async fn sqlite() -> Bed {
        let folder = Folder::new("store");
        let location = Location::Sqlite(folder.0.join("store with a space.db"));
        Bed { store: Store::open(&location).await.unwrap(), location, _folder: folder, cluster: None }
    }

    pub(crate) async fn postgres() -> Bed {
        let folder = Folder::new("postgres");
        let cluster = Cluster::start(&folder.0);
        let location = Location::parse(&cluster.url()).unwrap();
        Bed { store: Store::open(&location).await.unwrap(), location, _folder: folder, cluster: Some(cluster) }
    }
}

/// A PostgreSQL cluster in a folder, on a socket there and a port of loopback.
pub(crate) struct Cluster {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
}

/// Where PostgreSQL's server programs are; the newest version of Debian's layout, or what `pg_config` says.
fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.sort();
    versions.pop().filter(|bin| bin.join("initdb").exists()).unwrap_or_else(|| {
        panic!("PostgreSQL is not installed, and the store must be tested with it: `apt-get install postgresql`")
    })
}

impl Cluster {
    pub(crate) fn start(folder: &std::path::Path) -> Cluster {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Cluster { programs: programs(), data: folder.join("data"), port };
        std::fs::create_dir_all(&cluster.data).unwrap();
        if is_root() {
            // The server refuses to run as root.
            run(Command::new("chown").arg("-R").arg("postgres").arg(folder));
        }
        run(cluster
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8", "-D"])
            .arg(&cluster.data));
        cluster.up();
        cluster
    }

    /// One that takes encrypted connections only; its certificate for `localhost` is in the file.
    pub(crate) fn encrypted(folder: &std::path::Path) -> (Cluster, PathBuf) {
        let cluster = Cluster::start(folder);
        cluster.down();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = cluster.data.join("server.crt");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(cluster.data.join("server.key"), made.signing_key.serialize_pem()).unwrap();
        run(Command::new("chmod").arg("600").arg(cluster.data.join("server.key")));
        std::fs::write(cluster.data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").unwrap();
        std::fs::write(cluster.data.join("postgresql.auto.conf"), "ssl = on\n").unwrap();
        if is_root() {
            run(Command::new("chown").arg("-R").arg("postgres").arg(folder));
        }
        cluster.up();
        let copy = folder.join("root.pem");
        std::fs::copy(&certificate, &copy).unwrap();
        (cluster, copy)
    }

    /// Its address with some way of encryption.
    pub(crate) fn url_with(&self, mode: &str) -> String {
        format!("postgres://postgres@localhost:{}/postgres?sslmode={mode}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    pub(crate) fn up(&self) {
        let options = format!("-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories=''", self.port);
        run(self
            .program("pg_ctl")
            .args(["-w", "-t", "60", "-l"])
            .arg(self.data.join("log"))
            .arg("-o")
            .arg(options)
            .arg("-D")
            .arg(&self.data)
            .arg("start"));
    }

    pub(crate) fn down(&self) {
        self.program("pg_ctl")
            .args(["-m", "immediate", "-w", "-D"])
            .arg(&self.data)
            .arg("stop")
            .stdout(Stdio::null())
            .status()
            .ok();
    }

    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.down();
    }
}

fn is_root() -> bool {
    String::from_utf8_lossy(&Command::new("id").arg("-u").output().unwrap().stdout).trim() == "0"
}

fn run(command: &mut Command) {
    let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(done.success(), "{command:?}: {done}");
}

pub(crate) fn new_analyzer(name: &str, scope: Scope) -> NewAnalyzer {
    NewAnalyzer {
        name: name.to_owned(),
        arn: format!("arn:aws:access-analyzer:eu-west-1:111122223333:analyzer/{name}"),
        scope,
        unused_access_age: 90,
        exclusions: Vec::new(),
        tags: vec![("team".to_owned(), "platform".to_owned())],
        rules: Vec::new(),
    }
}

pub(crate) async fn analyzer(store: &Store, name: &str, scope: Scope) -> Analyzer {
    store.create_analyzer(&new_analyzer(name, scope), &Change::own()).await.unwrap()
}

/// The `n`th of many findings, with some content. In the order of `n`.
pub(crate) fn found(n: u64, content: &str) -> FoundFinding {
    let kind = FindingKind::ALL[usize::try_from(n % 7).unwrap().min(3)];
    let role = matches!(kind, FindingKind::UnusedIamRole) || (kind == FindingKind::UnusedPermission && n.is_multiple_of(2));
    let account = format!("{:012}", 111_122_223_333_u64 + n % 5);
    let permissions = kind == FindingKind::UnusedPermission;
    FoundFinding {
        base: format!("{n:032x}"),
        content: content.to_owned(),
        kind,
        resource: format!("arn:aws:iam::{account}:{}/r{n}", if role { "role" } else { "user" }),
        resource_type: if role { ResourceType::Role } else { ResourceType::User },
        account,
        risk: Risk(u8::try_from(n * 7 % 16).unwrap()),
        unused_actions: if permissions { 3 } else { 0 },
        services: if permissions { vec!["s3".to_owned(), "iam".to_owned()] } else { Vec::new() },
        details: format!(
            "[{{\"unusedPermissionDetails\":{{\"serviceNamespace\":\"s3\",\"actions\":[{{\"action\":\"{content}{n}\"}}]}}}}]"
        ),
        evidence: "{\"sources\":[]}".to_owned(),
    }
}

/// The same test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident => $test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$test(&crate::bed::Bed::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$test(&crate::bed::Bed::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
