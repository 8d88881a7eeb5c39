use super::*;

fn flaw(kind: &str, more: &str) -> Option<&'static str> {
    let known = format!(
        "name='a'\nversion='1'\nkind='{kind}'\nlicence='MIT'\nsource='tests'\n{more}\n[files]\n"
    );
    toml::from_str::<Manifest>(&known)
        .expect("valid TOML")
        .flaw()
}

#[test]
fn corrections_that_make_no_sense_are_refused() {
    let rule = |sharp| {
        format!(
            "certainty = {{ sharp_entropy = {sharp}, plain_entropy = 3.0, wary_entropy = 2.0, blank_entropy = 4.0, ceiling = 0.5 }}"
        )
    };
    assert_eq!(flaw("softmax", ""), None);
    assert_eq!(
        flaw("softmax", &format!("temperature = 0.75\n{}", rule("2.0"))),
        None
    );
    for wrong in [
        "temperature = 0.0",
        "temperature = nan",
        "temperature = inf",
        &rule("3.0"),
        &rule("nan"),
    ] {
        assert!(flaw("softmax", wrong).is_some(), "{wrong}");
    }
    assert!(flaw("sigmoid", "temperature = 0.75").is_some());
    assert!(flaw("sigmoid", &rule("2.0")).is_some());
}

#[test]
fn what_finds_lines_and_what_reads_them_say_what_they_look_for() {
    assert_eq!(
        flaw("lines", "looks_for = 'reading'\ngate = { text = 0.5 }"),
        None
    );
    assert_eq!(flaw("text", ""), None);
    assert!(flaw("lines", "").is_some());
    assert!(flaw("lines", "looks_for = 'text'").is_some());
    assert!(flaw("sigmoid", "looks_for = 'reading'").is_some());
    assert!(flaw("text", "looks_for = 'text'").is_some());
    let unlikely = "looks_for = 'reading'\ngate = { text = 1.5 }";
    assert!(flaw("lines", unlikely).is_some());
}

#[test]
fn a_kind_that_only_a_newer_process_knows_is_heard_of_and_no_manifest_may_have_it() {
    let heard: ModelKind = serde_json::from_str("\"hologram\"").expect("an older process goes on");
    assert_eq!(heard, ModelKind::Other);
    assert!(!heard.takes_pictures() && !heard.is_of_lines());
    let told = flaw("softmx", "").expect("a slip of the pen");
    assert!(told.contains("`softmax`"), "{told}");
}
