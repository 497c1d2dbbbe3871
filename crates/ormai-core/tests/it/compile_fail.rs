//! What does not compile: each file's name says it. None relies on the test constructors
//! behind the feature `strategies`.

#[test]
fn what_must_not_be_built_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
