//! `diagram`: the state machines, drawn by walking them.

use bursar_core::diagram;

use super::{Done, Globals, output};

pub(crate) fn run(globals: &Globals) -> Done {
    let plans = globals.config.plans()?;
    output::line(&format!("%% payment\n{}\n%% order\n{}", diagram::payment(&plans), diagram::order(&plans)))
}
