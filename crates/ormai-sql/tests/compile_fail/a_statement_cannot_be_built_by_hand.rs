use std::sync::Arc;

use ormai_sql::{Statement, Text};

fn statement(text: Arc<Text>) -> Statement {
    Statement { text, values: Vec::new() }
}

fn main() {}
