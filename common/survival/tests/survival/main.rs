//! Survival metrics against published values and independent references.

mod competing;
mod curves;
mod errors;
mod lines;
mod pairs;
