//! The processes of a story and how they die: it knows kills, restarts and lives, and must never know
//! what is played.

use std::time::{Duration, Instant};

use bursar_core::job::JobKey;
use uuid::Uuid;

use super::lives::{Lives, held_by};
use crate::{Process, Sign, Stage, free_port};

/// Between two starts of a process that cannot reach its database, as an orchestrator would wait.
const START_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How a process died.
#[derive(Clone, Debug)]
pub struct Death {
    /// When.
    pub died: Instant,
    /// The jobs that it held, with the identity that holds them.
    pub left: Vec<(JobKey, Uuid)>,
}

/// Processes over one stage.
#[derive(Debug)]
pub struct Cluster {
    /// The processes.
    pub processes: Vec<Process>,
    /// Whether each runs jobs.
    works: Vec<bool>,
    lives: Lives,
    /// Starts that ended because the database could not be reached.
    pub starts_in_vain: u64,
}

impl Cluster {
    /// `bursar serve`.
    pub async fn single(stage: &Stage) -> Self {
        let mut cluster = Self::empty();
        cluster.add_gateway(stage, "serve", true).await;
        cluster
    }

    /// `bursar gateway` and `workers` times `bursar worker`.
    pub async fn spread(stage: &Stage, workers: usize) -> Self {
        let mut cluster = Self::empty();
        cluster.add_gateway(stage, "gateway", false).await;
        for i in 1..=workers {
            let listen = format!("127.0.0.1:{}", free_port());
            let sign = Sign::Answers(format!("http://{listen}/livez"));
            let settings = [stage.settings.clone(), vec![("worker.listen".to_owned(), listen)]].concat();
            cluster.add(stage, (&format!("worker-{i}"), "worker"), &settings, sign, true).await;
        }
        cluster
    }

    /// `bursar gateway` and `workers` times the very same `bursar worker`: same command line, same settings,
    /// same folder, as when somebody starts a service twice. (A worker has no name that could be given
    /// twice: its identity is made anew at each start.)
    pub async fn twins(stage: &Stage, workers: usize) -> Self {
        let mut cluster = Self::empty();
        cluster.add_gateway(stage, "gateway", false).await;
        for i in 1..=workers {
            cluster.add(stage, (&format!("twin-{i}"), "worker"), &stage.settings, Sign::Says, true).await;
        }
        cluster
    }

    fn empty() -> Self {
        Self { processes: Vec::new(), works: Vec::new(), lives: Lives::default(), starts_in_vain: 0 }
    }

    async fn add_gateway(&mut self, stage: &Stage, verb: &'static str, works: bool) {
        let sign = Sign::Answers(format!("{}/readyz", stage.gateway()));
        self.add(stage, (verb, verb), &stage.settings, sign, works).await;
    }

    async fn add(
        &mut self,
        stage: &Stage,
        (name, verb): (&str, &'static str),
        settings: &[(String, String)],
        sign: Sign,
        works: bool,
    ) {
        let from_ms = stage.program.clock.now().as_millis();
        let mut process = Process::start(name, verb, settings, sign, stage.folder.path());
        process.ready().await;
        self.lives.lived(self.processes.len(), from_ms, stage.program.clock.now().as_millis());
        self.processes.push(process);
        self.works.push(works);
    }

    /// When the process with this number chose its identity.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn life(&self, number: usize) -> (i64, i64) {
        self.lives.last(number).expect("a process of the cluster")
    }

    /// The numbers of the processes that run jobs.
    pub fn workers(&self) -> Vec<usize> {
        (0..self.processes.len()).filter(|number| self.works.get(*number) == Some(&true)).collect()
    }

    /// Kills a process with SIGKILL, and looks what it held.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub async fn kill(&mut self, stage: &Stage, number: usize) -> Death {
        self.processes.get_mut(number).expect("a process of the cluster").kill_9();
        let died = Instant::now();
        let works = self.works.get(number) == Some(&true);
        let left = if works { held_by(&stage.program, self.life(number)).await } else { Vec::new() };
        Death { died, left }
    }

    /// Starts a dead process again, as often as it takes until it reaches its database.
    ///
    /// # Panics
    /// When it does not come up for another reason.
    pub async fn revive(&mut self, stage: &Stage, number: usize) {
        let process = self.processes.get_mut(number).expect("a process of the cluster");
        loop {
            let from_ms = stage.program.clock.now().as_millis();
            process.start_again();
            if process.comes_up().await {
                self.lives.lived(number, from_ms, stage.program.clock.now().as_millis());
                return;
            }
            self.starts_in_vain += 1;
            tokio::time::sleep(START_AGAIN_AFTER).await;
        }
    }

    /// Starts a dead process again and kills it after `time`, wherever it is then. `None` when it had given
    /// up before, because it could not reach its database.
    ///
    /// # Panics
    /// When it ended for another reason.
    pub async fn revive_and_kill(&mut self, stage: &Stage, number: usize, time: Duration) -> Option<Death> {
        let process = self.processes.get_mut(number).expect("a process of the cluster");
        let from_ms = stage.program.clock.now().as_millis();
        process.start_again();
        tokio::time::sleep(time).await;
        if !process.kill_in_its_start() {
            self.starts_in_vain += 1;
            return None;
        }
        let died = Instant::now();
        let left = held_by(&stage.program, (from_ms, stage.program.clock.now().as_millis())).await;
        Some(Death { died, left })
    }
}
