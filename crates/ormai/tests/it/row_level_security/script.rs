//! What is emitted.

use ormai_testkit::{guide_catalog, guide_policy};

use super::script;

#[test]
fn the_guides_policy_as_a_script() {
    let script = script(guide_policy(), guide_catalog(), "ormai_agent").to_string();
    insta::assert_snapshot!(script);
}
