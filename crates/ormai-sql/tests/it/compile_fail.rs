//! What must not compile outside of the crate: making or changing a statement by hand.

#[test]
fn statements_come_from_plans_only() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
