//! The program `innkeeper-guest`; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = innkeeper_guest::run(std::env::args_os().skip(1));
    ExitCode::from(exit.code())
}
