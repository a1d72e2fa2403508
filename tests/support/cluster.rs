//! The processes of a campaign and how they die: it knows kills, restarts and lives, and must never know
//! what is played.

use std::time::{Duration, Instant};

use bursar_core::Chance;
use tokio::task::JoinSet;

use super::lives::{Lives, held_by, rescued};
use crate::{Process, Stage, free_port};

/// Longest that a killed process stays away, and longest pause between kills, in real milliseconds.
const AWAY_MS: u64 = 1_000;

/// What became of the jobs of killed processes.
#[derive(Clone, Copy, Debug)]
pub struct Rescues {
    /// How many jobs dead processes held.
    pub jobs: usize,
    /// The longest rescue after a kill that no other kill followed.
    pub longest_after_single: Duration,
    /// The longest of all.
    pub longest: Duration,
}

/// Processes over one stage.
#[derive(Debug)]
pub struct Cluster {
    /// The processes.
    pub processes: Vec<Process>,
    /// Whether each runs jobs.
    works: Vec<bool>,
    lives: Lives,
    rescues: JoinSet<(usize, Duration)>,
    calm: Vec<(usize, Duration)>,
    /// Kills so far.
    pub kills: u32,
    /// Kills that hit a process which held jobs.
    pub kills_with_jobs: u32,
}

impl Cluster {
    /// `bursar serve`.
    pub async fn single(stage: &Stage) -> Self {
        let mut cluster = Self::empty();
        cluster.add(stage, "serve", "serve", true).await;
        cluster
    }

    /// `bursar gateway` and `workers` times `bursar worker`.
    pub async fn spread(stage: &Stage, workers: usize) -> Self {
        let mut cluster = Self::empty();
        cluster.add(stage, "gateway", "gateway", false).await;
        for i in 1..=workers {
            cluster.add(stage, &format!("worker-{i}"), "worker", true).await;
        }
        cluster
    }

    fn empty() -> Self {
        Self {
            processes: Vec::new(),
            works: Vec::new(),
            lives: Lives::default(),
            rescues: JoinSet::new(),
            calm: Vec::new(),
            kills: 0,
            kills_with_jobs: 0,
        }
    }

    async fn add(&mut self, stage: &Stage, name: &str, verb: &'static str, works: bool) {
        let mut settings = stage.settings.clone();
        let ready_url = if verb == "worker" {
            let listen = format!("127.0.0.1:{}", free_port());
            settings.push(("worker.listen".to_owned(), listen.clone()));
            format!("http://{listen}/livez")
        } else {
            format!("{}/readyz", stage.gateway())
        };
        let from_ms = stage.program.clock.now().as_millis();
        let mut process = Process::start(name, verb, &settings, &ready_url, stage.folder.path());
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

    /// Kills a process at a random instant and starts it again after a random while. A `calm` kill then
    /// waits until its jobs have run again; the others may follow while a process is still starting.
    ///
    /// # Panics
    /// When a process ended by itself or does not come up.
    pub async fn kill_one(&mut self, stage: &Stage, chance: &dyn Chance, calm: bool) {
        tokio::time::sleep(Duration::from_millis(chance.below(AWAY_MS))).await;
        let number = self.choose(chance);
        let life = self.life(number);
        let Some(process) = self.processes.get_mut(number) else { return };
        process.kill_9();
        let died = Instant::now();
        self.kills += 1;
        let left = if self.works.get(number) == Some(&true) { held_by(&stage.program, life).await } else { Vec::new() };
        self.kills_with_jobs += u32::from(!left.is_empty());
        tokio::time::sleep(Duration::from_millis(chance.below(AWAY_MS))).await;
        let from_ms = stage.program.clock.now().as_millis();
        process.start_again();
        if chance.below(4) == 0 && !calm {
            // Killed once more somewhere in its start.
            tokio::time::sleep(Duration::from_millis(chance.below(300))).await;
            process.kill_9();
            self.kills += 1;
            process.start_again();
        }
        process.ready().await;
        self.lives.lived(number, from_ms, stage.program.clock.now().as_millis());
        let program = stage.program.clone();
        let rescue = async move { rescued(&program, left, died).await };
        if calm {
            self.calm.push(rescue.await);
        } else {
            self.rescues.spawn(rescue);
        }
    }

    /// Waits for the last rescues. The number of rescued jobs and the longest time from a kill until each
    /// of the dead process's jobs had been claimed again (or was done): after kills that were left to
    /// themselves, and after all.
    ///
    /// # Panics
    /// When a job was never claimed again.
    pub async fn rescues(&mut self) -> Rescues {
        let mut all = self.calm.clone();
        while let Some(rescued) = self.rescues.join_next().await {
            all.push(rescued.expect("a rescue"));
        }
        let longest = |list: &[(usize, Duration)]| list.iter().map(|(_, time)| *time).max().unwrap_or_default();
        Rescues {
            jobs: all.iter().map(|(jobs, _)| jobs).sum(),
            longest_after_single: longest(&self.calm),
            longest: longest(&all),
        }
    }

    /// Workers are hit more often than the gateway: they hold leases.
    fn choose(&self, chance: &dyn Chance) -> usize {
        let weights: Vec<u64> = self.works.iter().map(|works| if *works { 2 } else { 1 }).collect();
        let mut point = chance.below(weights.iter().sum());
        weights
            .iter()
            .position(|weight| {
                let here = point < *weight;
                point = point.saturating_sub(*weight);
                here
            })
            .unwrap_or(0)
    }
}
