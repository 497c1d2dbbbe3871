use ormai_db::execute::compiled;

fn main() {
    let _ = compiled;
}
