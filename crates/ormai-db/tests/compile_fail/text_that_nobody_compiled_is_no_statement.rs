use ormai_sql::{Statement, Text};

fn from_text(text: &str) -> Statement {
    text.into()
}

fn by_hand(text: std::sync::Arc<Text>) -> Statement {
    Statement { text, values: Vec::new() }
}

fn main() {}
