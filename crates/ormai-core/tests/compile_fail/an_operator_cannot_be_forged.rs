use ormai_core::explain::Operator;

fn from_a_request(json: &str) -> Operator {
    serde_json::from_str(json).unwrap()
}

fn main() {
    let _ = Operator(());
    let _ = Operator::default();
}
