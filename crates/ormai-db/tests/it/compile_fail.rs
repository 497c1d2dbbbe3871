//! What does not compile: each file's name says it. None relies on the statements from text
//! that the feature `testing` gives to tests.

#[test]
fn what_must_not_be_run_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
