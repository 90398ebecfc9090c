//! `coordinator`: what researchers and the research centre's IT run.

mod cli;

use std::process::ExitCode;

/// Models come and go with every round: this allocator hands their memory on instead of returning it
/// to the system and having it cleared again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    node::process::end_with_the_reader();
    cli::run()
}
