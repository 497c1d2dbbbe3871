//! What is expected of a call, from a user's files and rows, is what the specification says.

mod law;
