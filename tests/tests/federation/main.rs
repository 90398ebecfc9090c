//! The product as its users see it: built binaries, and hostile peers over real QUIC.

mod addresses;
mod audit;
mod bad_input;
mod bad_lines;
mod causes;
mod cohort;
mod crash;
mod data_sets;
mod described;
mod drain;
mod evil;
mod flood;
mod hostile_sites;
mod in_force;
mod in_force_cohort;
mod killing;
mod kills;
mod kinds;
mod leaks;
mod membership;
mod messy;
mod models;
mod omop;
mod operator;
mod order;
mod overstepped;
mod private;
mod processes;
mod readme;
mod remote;
mod resumed;
mod rogue;
mod screens;
mod shipped;
mod simulated;
mod statistics;
mod strategies;
mod together;
mod trusted;
mod tunnel;

/// A test that ends with what went wrong.
type Outcome = Result<(), tests::SetupError>;
