use ormai_db::Session;

async fn around(session: &mut Session<'_>) {
    let connection = &mut session.0;
    let _ = sqlx::query("SELECT * FROM orders").execute(connection).await;
}

fn main() {}
