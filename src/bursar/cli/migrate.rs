//! `migrate`: brings the schema up to date and says so.

use super::{Done, Globals, output};
use crate::compose;

pub(crate) async fn run(globals: &Globals) -> Done {
    let program = compose::program(&globals.config).await?;
    let current = program.store.schema_is_current().await?;
    program.store.migrate().await?;
    let text = if current { "the schema was up to date" } else { "the schema is up to date now" };
    if globals.json { output::json(&serde_json::json!({ "migrated": !current })) } else { output::line(text) }
}
