use ormai_sql::Statement;

fn change(statement: &mut Statement) {
    statement.values = vec!["globex".into()];
}

fn main() {}
