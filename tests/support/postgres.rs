//! A PostgreSQL of one's own: it knows how a cluster is made, started, stopped hard and removed, and
//! must never touch a server that was there before.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::free_port;

/// Longest wait for the server to answer after a start.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A cluster in a temporary folder, on a free port of loopback, with real fsync unless it is told otherwise. The server is a child
/// of this process; dropping this stops it and removes the folder.
pub struct PrivatePostgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    /// PostgreSQL refuses to run as root: user and group to run as then.
    run_as: Option<(u32, u32)>,
    port: u16,
    more: &'static [&'static str],
    server: Child,
}

impl std::fmt::Debug for PrivatePostgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivatePostgres").field("port", &self.port).finish_non_exhaustive()
    }
}

impl PrivatePostgres {
    /// Makes and starts a cluster.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (the message says what to install) or does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more settings of the server, such as `fsync=off`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (the message says what to install) or does not start.
    pub fn start_with(more: &'static [&'static str]) -> Self {
        let (programs, run_as) = (programs(), run_as());
        let folder = tempfile::Builder::new().prefix("bursar-postgres-").tempdir().expect("a temporary folder");
        if let Some((user, group)) = run_as {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("giving the folder to postgres");
        }
        let mut initdb = command(&programs.join("initdb"), run_as, folder.path());
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"]);
        let made = initdb.arg(folder.path().join("data")).output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let server = spawn(&programs, run_as, folder.path(), port, more);
        let mut cluster = Self { folder, programs, run_as, port, more, server };
        cluster.wait_until_it_answers();
        cluster
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// A fresh database; its URL.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("create database {name}"));
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement behind everybody's back; what it printed.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops the server as a power cut would ("immediate": no checkpoint, connections break) and starts
    /// it again, which replays its log.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restart_immediately(&mut self) {
        self.stop_immediately();
        self.server = spawn(&self.programs, self.run_as, self.folder.path(), self.port, self.more);
        self.wait_until_it_answers();
    }

    fn stop_immediately(&mut self) {
        let mut stop = command(&self.programs.join("pg_ctl"), self.run_as, self.folder.path());
        let stop = stop.args(["stop", "--mode=immediate", "--wait", "--silent", "--pgdata"]);
        let _ = stop.arg(self.folder.path().join("data")).output();
        // Whatever pg_ctl did: this very process must be gone, and it is ours to end.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    fn psql(&self, database: &str, sql: &str) -> std::process::Output {
        let mut psql = command(&self.programs.join("psql"), None, self.folder.path());
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-h", "127.0.0.1", "-U", "postgres"]);
        psql.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        psql.output().expect("psql is part of PostgreSQL's client: install postgresql-client")
    }

    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + START_WITHIN;
        while !self.psql("postgres", "select 1").status.success() {
            assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", self.log());
            if self.server.try_wait().expect("the server's state").is_some() {
                // Sessions of the server before may hold its shared memory for a moment longer.
                self.server = spawn(&self.programs, self.run_as, self.folder.path(), self.port, self.more);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.stop_immediately();
    }
}

fn spawn(programs: &Path, run_as: Option<(u32, u32)>, folder: &Path, port: u16, more: &[&str]) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("server.log")).expect("the server's log");
    let mut server = command(&programs.join("postgres"), run_as, folder);
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    let always =
        ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=64MB", "max_connections=100"];
    for setting in always.iter().chain(more) {
        server.args(["-c", setting]);
    }
    server.stdout(Stdio::null()).stderr(log).spawn().expect("starting postgres")
}

fn command(program: &Path, run_as: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((user, group)) = run_as {
        command.uid(user).gid(group);
    }
    command
}

/// Where Debian puts the server's programs: `/usr/lib/postgresql/VERSION/bin`, the newest first.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|v| Some((v.file_name().to_str()?.parse().ok()?, v.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = || std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    found.pop().map(|(_, bin)| bin).or_else(elsewhere).expect(
        "PostgreSQL's server is not installed: there is no initdb in /usr/lib/postgresql/*/bin nor in PATH. \
         Install it (Debian and Ubuntu: apt-get install postgresql), or use tests/run, which does",
    )
}

fn run_as() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let both = id(&["-u", "postgres"]).zip(id(&["-g", "postgres"]));
    Some(both.expect("PostgreSQL does not run as root, and there is no user postgres: apt-get install postgresql"))
}
