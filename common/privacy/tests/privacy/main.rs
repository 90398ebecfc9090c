//! The privacy core against golden values, exact laws and opendp.

mod accountant_bounds;
mod accountant_budget;
mod accountant_concentrated;
mod accountant_golden;
mod gaussian;
mod gaussian_distribution;
mod gaussian_opendp;
mod gaussian_support;
