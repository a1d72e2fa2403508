//! `config`: what is set, and where it comes from.

use clap::Subcommand;

use super::{Done, Globals, output};

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Every value with its origin.
    Show,
    /// The defaults with their reasons, as a file to start from.
    Default,
}

pub(crate) fn run(globals: &Globals, verb: &Verb) -> Done {
    match verb {
        Verb::Default => output::line(crate::config::DEFAULT.trim_end()),
        Verb::Show if globals.json => {
            let rows = globals.config.show().into_iter();
            let rows =
                rows.map(|(key, value, origin)| serde_json::json!({ "key": key, "value": value, "origin": origin }));
            output::json(&rows.collect())
        }
        Verb::Show => {
            let rows: Vec<_> = globals.config.show().into_iter().map(|(k, v, o)| vec![k, v, o]).collect();
            output::table(&["KEY", "VALUE", "ORIGIN"], &rows)
        }
    }
}
