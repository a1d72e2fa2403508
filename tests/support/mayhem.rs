//! Dealing the blows of a campaign: it knows whom a blow hits and who gets up again, and must never know
//! what is played meanwhile.

use std::time::{Duration, Instant};

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use tokio::task::JoinSet;

use crate::{Blow, Cluster, Death, Deck, Figures, PrivatePostgres, Proxy, Rescues, Stage, Trouble, held_by};

/// Longest rest between two blows, in milliseconds.
const REST_MS: u64 = 1_400;
/// Longest that a process stays away that is not started again at once, in milliseconds.
const AWAY_MS: u64 = 1_000;
/// Within this time of its start a process is killed once more, in milliseconds.
const START_MS: u64 = 400;
/// How long a worker stands still, in milliseconds: beyond the stage's lease of 3 s.
const STILL_MS: (u64, u64) = (3_300, 5_000);
/// How often a worker is stopped and continued until it is caught with jobs in its hands.
const CATCHES: u32 = 200;
const BETWEEN_CATCHES: Duration = Duration::from_millis(25);

/// Everything that can be hit.
#[derive(Debug)]
pub struct Mayhem {
    /// The stage.
    pub stage: Stage,
    /// The processes.
    pub cluster: Cluster,
    /// The database server, when there is one.
    pub postgres: Option<PrivatePostgres>,
    /// Between the processes and the channel.
    pub channel: Proxy,
    /// Between the processes and the database server.
    pub database: Option<Proxy>,
    chance: SeededChance,
    rescues: Rescues,
    troubles: JoinSet<()>,
    /// Who stands still, and until when.
    still: Option<(usize, Instant)>,
    figures: Figures,
}

impl Mayhem {
    /// Nothing has happened yet.
    pub fn new(stage: Stage, cluster: Cluster, channel: Proxy) -> Self {
        Self {
            chance: SeededChance::new(stage.seed),
            rescues: Rescues::watch(&stage.program),
            stage,
            cluster,
            postgres: None,
            channel,
            database: None,
            troubles: JoinSet::new(),
            still: None,
            figures: Figures::default(),
        }
    }

    /// Deals the whole deck.
    ///
    /// # Panics
    /// When a process ended by itself, or does not come up.
    pub async fn deal(&mut self, deck: &Deck) {
        for blow in deck.shuffled(&self.chance) {
            self.rest(self.up_to(REST_MS)).await;
            match blow {
                Blow::Kill => self.kill().await,
                Blow::Pause => self.pause().await,
                Blow::Restart => {
                    let postgres = self.postgres.as_mut().expect("a database server");
                    tokio::task::block_in_place(|| postgres.restart_immediately());
                    self.figures.restarts += 1;
                }
                Blow::Channel(trouble) => self.trouble(self.channel.clone(), trouble),
                Blow::Database(trouble) => self.trouble(self.database.clone().expect("a way there"), trouble),
            }
        }
    }

    /// In the background: it lasts while other blows come.
    fn trouble(&mut self, proxy: Proxy, trouble: Trouble) {
        self.troubles.spawn(async move { proxy.trouble(trouble).await });
        self.figures.cuts += 1;
    }

    /// Waits until everybody stands again and every dead process's jobs have run: what was counted. The
    /// orders are for others to count.
    ///
    /// # Panics
    /// When a process ended by itself.
    pub async fn quiet(&mut self) -> Figures {
        self.wake_up().await;
        while let Some(ended) = self.troubles.join_next().await {
            ended.expect("a trouble");
        }
        let (recoveries, violations) = self.rescues.end().await;
        for process in &mut self.cluster.processes {
            assert!(process.lives(), "{} ended by itself:\n{}", process.name, process.tail());
        }
        let broken = self.channel.broken() + self.database.as_ref().map_or(0, Proxy::broken);
        let starts_in_vain = self.cluster.starts_in_vain;
        Figures { recoveries, violations, broken, starts_in_vain, ..self.figures.clone() }
    }

    fn up_to(&self, ms: u64) -> Duration {
        Duration::from_millis(self.chance.below(ms))
    }

    fn one_in(&self, times: u64) -> bool {
        self.chance.below(times) == 0
    }

    /// Rests. Whoever stands still goes on in the middle of it, when its time has come.
    async fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        if self.still.is_some_and(|(_, until)| until <= end) {
            self.wake_up().await;
        }
        tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
    }

    /// Waits until the time of whoever stands still has come, and lets it go on.
    async fn wake_up(&mut self) {
        if let Some((number, until)) = self.still.take() {
            tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
            self.cluster.processes[number].resume();
        }
    }

    async fn kill(&mut self) {
        if self.cluster.processes.len() == 1 {
            self.wake_up().await;
        }
        let stands = |number: &usize| self.still.is_none_or(|(still, _)| still != *number);
        let mut hit: Vec<usize> = (0..self.cluster.processes.len()).filter(stands).collect();
        if !self.one_in(8) {
            // Workers are hit more often than the gateway: they hold leases.
            let weighted: Vec<usize> =
                hit.iter().flat_map(|n| vec![*n; if self.cluster.workers().contains(n) { 2 } else { 1 }]).collect();
            let chosen = self.chance.below(u64::try_from(weighted.len()).expect("few"));
            hit = vec![weighted[usize::try_from(chosen).expect("few")]];
        }
        for number in &hit {
            let death = self.cluster.kill(&self.stage, *number).await;
            self.count(death);
        }
        if self.one_in(4) {
            self.rest(self.up_to(AWAY_MS)).await;
        }
        for number in hit {
            if self.one_in(6) {
                let time = self.up_to(START_MS);
                let death = self.cluster.revive_and_kill(&self.stage, number, time).await;
                death.into_iter().for_each(|death| self.count(death));
            }
            self.cluster.revive(&self.stage, number).await;
        }
    }

    fn count(&mut self, death: Death) {
        self.figures.kills += 1;
        self.figures.kills_with_jobs += u64::from(!death.left.is_empty());
        self.rescues.left(death.left, death.died);
    }

    async fn pause(&mut self) {
        self.wake_up().await;
        let workers = self.cluster.workers();
        let number =
            workers[usize::try_from(self.chance.below(u64::try_from(workers.len()).expect("few"))).expect("few")];
        let life = self.cluster.life(number);
        let mut caught = false;
        for _ in 0..CATCHES {
            self.cluster.processes[number].pause();
            caught = !held_by(&self.stage.program, life).await.is_empty();
            if caught {
                break;
            }
            self.cluster.processes[number].resume();
            tokio::time::sleep(BETWEEN_CATCHES).await;
        }
        self.cluster.processes[number].pause();
        let time = STILL_MS.0 + self.chance.below(STILL_MS.1 - STILL_MS.0);
        self.still = Some((number, Instant::now() + Duration::from_millis(time)));
        self.figures.pauses += 1;
        self.figures.pauses_with_jobs += u64::from(caught);
    }
}
