use ormai_sql::Text;

fn main() {
    let _ = Text::new("SELECT * FROM users".into(), Vec::new(), Vec::new());
}
