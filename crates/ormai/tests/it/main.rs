//! The attacks on reads, each as a test on every engine, and the two laws.

mod hostile_values;
mod reads;
mod support;
mod who;
