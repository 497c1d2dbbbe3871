//! The ormai command line.

fn main() {}
