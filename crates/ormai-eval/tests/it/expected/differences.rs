//! A difference says what is wrong, and with which row.
