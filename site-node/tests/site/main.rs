//! A hospital's side by its public parts: data, readers of recordings and images, and training.

mod data;
mod readers;
mod train;
