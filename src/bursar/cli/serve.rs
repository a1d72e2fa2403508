//! `serve`, `worker`, `gateway`: one process each, until it is asked to stop.

use clap::Args;

use super::{Done, Globals};
use crate::compose;
use crate::serve::{Parts, bind, start};

/// Flags of processes with a gateway.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Where to listen, instead of gateway.listen.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
}

/// No flags.
#[derive(Args, Debug)]
pub(crate) struct Plain {}

pub(crate) async fn run(globals: &Globals, parts: Parts) -> Done {
    // The address first: a port in use should not cost a migration.
    let listener = match parts {
        Parts::Workers => {
            let address = globals.config.text("worker.listen");
            if address.is_empty() { None } else { Some(bind(&address).await?) }
        }
        Parts::All | Parts::Gateway => Some(bind(&globals.config.text("gateway.listen")).await?),
    };
    let program = compose::program(&globals.config).await?;
    program.store.migrate().await?;
    let running = start(program, parts, listener).await?;
    match running.address {
        Some(address) if parts == Parts::Workers => eprintln!("bursar works; health and metrics on http://{address}"),
        Some(address) => eprintln!("bursar listens on http://{address} (API at /v1, documentation at /docs)"),
        None => eprintln!("bursar works"),
    }
    running.until_stopped().await;
    Ok(())
}
