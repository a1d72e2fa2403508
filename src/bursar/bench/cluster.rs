//! A private PostgreSQL for one run: its own folder and port, real fsync, stopped at the end. It never
//! touches a server that was there before.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// A running cluster; stopped and deleted when dropped.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    as_postgres: bool,
}

/// Where Debian puts the server's programs, newest version first.
fn find_programs() -> anyhow::Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|e| e.path().join("bin")).filter(|p| p.join("initdb").exists()).collect())
        .unwrap_or_default();
    found.sort();
    found
        .pop()
        .context("no PostgreSQL server is installed (apt-get install postgresql), and no --postgres-url was given")
}

impl Cluster {
    /// Makes and starts one.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let bin = find_programs()?;
        let folder = tempfile::Builder::new().prefix("bursar-postgres-").tempdir()?;
        // PostgreSQL refuses to run as root.
        let as_postgres = folder_owner_is_root(folder.path());
        if as_postgres {
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { bin, folder, port, as_postgres };
        let data = cluster.data();
        run(cluster
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data))?;
        let socket = cluster.folder.path().display();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={socket} -c max_wal_size=8GB -c checkpoint_timeout=30min"
        );
        let log = cluster.folder.path().join("log");
        run(cluster.program("pg_ctl").args(["-w", "-o", &options, "-l"]).arg(&log).arg("-D").arg(&data).arg("start"))?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let path = self.bin.join(name);
        if !self.as_postgres {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }

    /// The URL of `database`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The process id of the server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> anyhow::Result<u32> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(text.lines().next().unwrap_or_default().trim().parse()?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let _ = run(self.program("pg_ctl").args(["-w", "-m", "immediate", "-D"]).arg(data).arg("stop"));
    }
}

#[cfg(unix)]
fn folder_owner_is_root(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|m| m.uid() == 0)
}

#[cfg(not(unix))]
fn folder_owner_is_root(_: &Path) -> bool {
    false
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        anyhow::bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// One value from PostgreSQL, through its own client.
///
/// # Errors
/// When the client is missing or the statement fails.
pub fn ask(url: &str, statement: &str) -> anyhow::Result<String> {
    let output = Command::new("psql").args(["-XAtq", "-c", statement, url]).output().context("psql")?;
    if !output.status.success() {
        anyhow::bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
