//! The processes of one run of the benchmark: it knows how they start and that they end with the run, and must never
//! know what they do.

use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use super::cpu;

/// Processes that end with the run.
#[derive(Default)]
pub(super) struct Crew(Vec<(&'static str, Child)>);

impl Drop for Crew {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Crew {
    pub(super) fn hire(
        &mut self,
        name: &'static str,
        args: &[&str],
        environment: &[(String, String)],
    ) -> anyhow::Result<()> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.args(args).envs(environment.iter().cloned()).stdout(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        self.0.push((name, child));
        Ok(())
    }

    /// Milliseconds of processor time that each used so far.
    pub(super) fn cpu(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(name, child)| ((*name).to_owned(), cpu::process_ms(child.id()))).collect()
    }
}
