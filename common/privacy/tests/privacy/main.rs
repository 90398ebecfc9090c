//! The privacy core against exact laws and opendp.

mod accountant_bounds;
mod accountant_budget;
mod accountant_concentrated;
mod gaussian;
mod gaussian_distribution;
mod gaussian_opendp;
mod gaussian_support;
