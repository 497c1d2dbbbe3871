use ormai_core::policy::View;

fn main() {
    let _ = View { models: Vec::new(), policy_version: String::new() };
}
