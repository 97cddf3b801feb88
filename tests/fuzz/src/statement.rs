//! What a publisher signed against what was uploaded: a text is the statement, or
//! every difference is told; and no two statements have one text.
use venn_domain::signing::Statement;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(signed) = std::str::from_utf8(bytes) else { return };
    let statement = Statement {
        organization: "org_00000000000000000000000001".parse().expect("an id"),
        plugin: "crm-tasks".to_owned(),
        version: "1.2.3".to_owned(),
        component: "aa".repeat(32),
        manifest: "bb".repeat(32),
    };
    let problems = statement.differences(signed);
    assert_eq!(problems.is_empty(), signed == statement.text());
    for problem in problems {
        assert!(!problem.place.is_empty() && !problem.reason.is_empty());
        assert!(problem.reason.len() < 4096 && !problem.reason.contains('\n'), "{problem:?}");
    }
    let mut lines = signed.split('\n').skip(1);
    let mut fact = |name: &str| {
        let line = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
        Some(line.to_owned())
    };
    // What somebody else's statement would have to be to have this text.
    let (Some(_), Some(plugin), Some(version)) =
        (fact("organization"), fact("plugin"), fact("version"))
    else {
        return;
    };
    let other = Statement { plugin, version, ..statement.clone() };
    assert_eq!(other.text() == statement.text(), other == statement);
}
