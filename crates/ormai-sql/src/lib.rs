//! Statements: a scoped plan printed as one parameterised statement per dialect.
