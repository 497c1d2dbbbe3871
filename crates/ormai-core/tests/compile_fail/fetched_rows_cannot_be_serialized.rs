use ormai_core::answer::Fetched;
use serde::Serialize;

fn leak(rows: Fetched) {
    let _ = rows.serialize(serde_json::value::Serializer);
}

fn main() {}
