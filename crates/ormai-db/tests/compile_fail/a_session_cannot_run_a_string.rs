use std::time::Duration;

use ormai_db::Session;

async fn run(session: &mut Session<'_>) {
    let _ = session.run("SELECT * FROM orders", Duration::from_secs(1)).await;
    let _ = session.run(&format!("SELECT * FROM {}", "orders"), Duration::from_secs(1)).await;
}

fn main() {}
