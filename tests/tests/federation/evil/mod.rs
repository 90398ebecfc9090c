//! A coordinator that means harm: whatever it tries, no byte of an update leaves and nothing is
//! charged. One that is caught with two histories is believed no more, after a restart neither.

mod allowance;
mod departing;
mod histories;
mod invented;
mod leaving;
mod offers;
mod older;
mod plans;
mod questions;
mod restored;
mod retention;
mod several;
mod signatures;
mod stage;
mod unfinished;
mod words;
