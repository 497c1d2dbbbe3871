//! Evaluation of users' own isolation.
