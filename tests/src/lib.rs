//! What the end-to-end tests and the benchmarks share: a federation's folder, processes that end
//! with the test that started them, and the files of the repository.

mod federation;
mod folder;
mod line;
mod log;
mod observer;
mod process;
mod puppet;
mod repository;

pub use federation::{
    Federation, HOSPITALS, SetupError, binary, demo, edit, failure, free_address, replace, stop,
    success,
};
pub use folder::{add_folder, copy_folder, files};
pub use line::{Faults, Line};
pub use log::{records, verdict};
pub use observer::{Answer, Observed, Observer, OfferedRound};
pub use process::{Process, ProcessError};
pub use puppet::Puppet;
pub use repository::root;
