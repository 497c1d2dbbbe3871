use ormai_core::resolve::Resolved;

fn main() {
    let _ = Resolved {};
}
