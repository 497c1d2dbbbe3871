//! A catalog from SeaORM entities.
