#[test]
fn unknown_backends_are_errors_that_say_what_there_is() {
    for (name, expected) in [
        ("abacus", "cpu, wgpu, tch or cuda:N"),
        ("cuda:x", "number"),
        ("cpu:3", "only cuda"),
        ("", "cpu"),
        ("CPU", "cpu"),
    ] {
        let error = helm_encoders::device(name).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&format!("{name:?}")), "{error}");
    }
    #[cfg(not(feature = "wgpu"))]
    assert!(helm_encoders::device("wgpu").unwrap_err().to_string().contains("the feature \"wgpu\""));
}
