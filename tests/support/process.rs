//! A process of the program: it knows how one is started, killed, stopped, continued and asked whether
//! it is ready, and must never touch a process that it did not start.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{http, until};

/// Longest start of a process, migration and a busy machine included.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// The program's executable, next to the tests'.
///
/// # Panics
/// When it was not built.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let found = test.ancestors().skip(1).take(3).map(|folder| folder.join("bursar")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("there is no `bursar` near {}: build it first (cargo build -p bursar, or tests/run)", test.display())
    })
}

/// What a process says when its work begins, in its log.
const WORKS: &str = "bursar works";
/// How a process ends that cannot reach its database when it starts.
const DATABASE_AWAY: i32 = 5;

/// How a process shows that it is up.
#[derive(Clone, Debug)]
pub enum Sign {
    /// This address answers 2xx.
    Answers(String),
    /// Its log says that it works. It listens nowhere: two with the same settings can stand side by side.
    Says,
}

/// A process of the program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    /// What it is called in messages.
    pub name: String,
    verb: &'static str,
    environment: Vec<(String, String)>,
    log: PathBuf,
    sign: Sign,
    child: Child,
    /// How long its log was when it was started.
    log_from: u64,
}

impl Process {
    /// Starts `bursar VERB` with these settings and nothing of our own environment. It shows by `sign`
    /// that it is up; its log goes into `folder`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, verb: &'static str, settings: &[(String, String)], sign: Sign, folder: &Path) -> Self {
        let variable = |key: &str| format!("BURSAR__{}", key.replace('.', "__").to_uppercase());
        let environment: Vec<_> = settings.iter().map(|(key, value)| (variable(key), value.clone())).collect();
        let log = folder.join(format!("{name}.log"));
        let (child, log_from) = spawn(verb, &environment, &log);
        Self { name: name.to_owned(), verb, environment, log, sign, child, log_from }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Panics
    /// When it had ended by itself: a process of ours never does.
    pub fn kill_9(&mut self) {
        assert!(self.lives(), "{} ended by itself:\n{}", self.name, self.tail());
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Kills it with SIGKILL while it starts; false when it had given up already, for want of a database.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill_in_its_start(&mut self) -> bool {
        let _ = self.child.kill();
        let status = self.child.wait().expect("wait");
        let killed = status.code().is_none();
        assert!(killed || status.code() == Some(DATABASE_AWAY), "{} ended ({status}):\n{}", self.name, self.tail());
        killed
    }

    /// Starts it again with the same settings.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_again(&mut self) {
        (self.child, self.log_from) = spawn(self.verb, &self.environment, &self.log);
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().expect("the process's state").is_none()
    }

    /// Waits until it is up.
    ///
    /// # Panics
    /// When it ended or does not come up, with the end of its log.
    pub async fn ready(&mut self) {
        assert!(self.comes_up().await, "{} ended while starting:\n{}", self.name, self.tail());
    }

    /// Waits until it is up; false when it ended instead because it could not reach its database: then it
    /// is for whoever started it to try again.
    ///
    /// # Panics
    /// When it ended for another reason or does not come up, with the end of its log.
    pub async fn comes_up(&mut self) -> bool {
        let client = http();
        let deadline = std::time::Instant::now() + READY_WITHIN;
        while !self.shows_its_sign(&client).await {
            if let Some(status) = self.child.try_wait().expect("the process's state") {
                let away = status.code() == Some(DATABASE_AWAY);
                assert!(away, "{} ended while starting ({status}):\n{}", self.name, self.tail());
                return false;
            }
            assert!(std::time::Instant::now() < deadline, "{} is not ready:\n{}", self.name, self.tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    async fn shows_its_sign(&self, client: &reqwest::Client) -> bool {
        match &self.sign {
            Sign::Answers(url) => client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()),
            Sign::Says => {
                let mut text = String::new();
                File::open(&self.log)
                    .and_then(|mut log| {
                        log.seek(SeekFrom::Start(self.log_from))?;
                        log.read_to_string(&mut text)
                    })
                    .is_ok_and(|_| text.contains(WORKS))
            }
        }
    }

    /// Stops it with SIGSTOP: it stands still in the middle of whatever it does.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Continues it with SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh");
        assert!(sent.success(), "{kill}: {sent}");
    }

    /// Its metrics, summed over all lines that start with `prefix`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metric(&self, prefix: &str) -> u64 {
        let Sign::Answers(url) = &self.sign else { panic!("{} shows no metrics", self.name) };
        let (base, _) = url.rsplit_once('/').expect("a path");
        let text = until("metrics", Duration::from_secs(20), || async {
            http().get(format!("{base}/metrics")).send().await.ok()?.text().await.ok()
        });
        let text = text.await;
        let values = text.lines().filter(|line| line.starts_with(prefix)).filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<u64>().ok()).sum()
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(25)..).unwrap_or_default().join("\n")
    }

    /// Lines of its log that contain `word`.
    pub fn log_lines(&self, word: &str) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process, and how long its log was before.
fn spawn(verb: &str, environment: &[(String, String)], log: &Path) -> (Child, u64) {
    let file = File::options().create(true).append(true).open(log).expect("the process's log");
    let length = file.metadata().expect("the log's length").len();
    let mut command = Command::new(binary());
    command.arg(verb).env_clear().envs(environment.iter().cloned()).current_dir(log.parent().expect("a folder"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().expect("starting bursar");
    (child, length)
}
