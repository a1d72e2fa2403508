//! The binary: it knows only where the command line starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    bursar::cli::main()
}
