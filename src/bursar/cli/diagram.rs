//! `diagram`: the state machines, drawn by walking them.

use bursar_core::diagram;

use super::{Done, Globals, output};

pub(crate) fn run(globals: &Globals) -> Done {
    let plans = globals.config.plans()?;
    let (payment, order, leg) = (diagram::payment(&plans), diagram::order(&plans), diagram::leg());
    output::line(&format!("%% payment\n{payment}\n%% order\n{order}\n%% leg of a refund\n{leg}"))
}
