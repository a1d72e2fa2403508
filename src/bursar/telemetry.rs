//! Logs: everything goes to stderr, so that stdout carries data only.

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Starts logging as configured. A second start in one process is ignored.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(config.text("log.filter")).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if config.text("log.format") == "json" {
        builder.json().try_init()
    } else {
        let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
        builder.with_ansi(colour).try_init()
    };
}
