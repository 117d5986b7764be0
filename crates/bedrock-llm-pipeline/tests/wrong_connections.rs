//! Nodes that do not fit do not compile, and the compiler says what is wrong.

#[test]
fn wrong_connections_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
