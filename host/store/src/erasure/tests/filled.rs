//! With a row in every table: none is passed over, and none of somebody else's goes.
use super::*;

/// The id of an organization's row in this table.
fn id_in(table: &str, organization: &OrganizationId) -> String {
    let prefix = if table == "person" { "usr" } else { table };
    organization.as_str().replacen("org", prefix, 1)
}

/// A row of an organization, with what its columns must have: as the migrations say, or this.
async fn insert(
    test: &TestStore,
    table: &str,
    organization: &OrganizationId,
    others: &[(&str, &str)],
) {
    let schema = migrations();
    let (_, from) = schema.split_once(&format!("CREATE TABLE {table} (\n")).unwrap();
    let (columns, _) = from.split_once("\n);").unwrap();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in columns.lines().map(str::trim) {
        if column.starts_with("--") || !column.contains(" NOT NULL") {
            continue;
        }
        let words: Vec<_> = column.trim_end_matches(',').split(' ').collect();
        let of = words.iter().position(|word| *word == "REFERENCES").map(|at| words[at + 1]);
        let other = others.iter().find(|(name, _)| *name == words[0]);
        values.push(match (other, of, words[0], words[1]) {
            (Some((_, other)), ..) => format!("'{other}'"),
            (_, Some("organization"), ..) => format!("'{organization}'"),
            (_, Some(of), ..) => format!("'{}'", id_in(of, organization)),
            (_, _, "id", _) => format!("'{}'", id_in(table, organization)),
            (_, _, _, "bigint") => "1".to_owned(),
            (_, _, _, "blob") => format!("CAST('{organization}' AS blob)"),
            _ => format!("'{organization}'"),
        });
        names.push(words[0]);
    }
    let (names, values) = (names.join(", "), values.join(", "));
    test.sql(&format!("INSERT INTO {table} ({names}) VALUES ({values})")).await;
}

/// An organization with a partner, and a row in each table.
async fn filled(test: &TestStore, slug: &str) -> OrganizationId {
    let organization = test.organization(slug, "customer").await;
    let partner = test.organization(&format!("partner-of-{slug}"), "customer").await;
    insert(test, "partnership", &organization, &[("right_id", partner.as_str())]).await;
    for (table, _) in OF_AN_ORGANIZATION.iter().rev() {
        insert(test, table, &organization, &[]).await;
    }
    organization
}

async fn count(test: &TestStore, of: &str) -> i64 {
    test.number(&format!("SELECT COUNT(*) FROM {of}")).await
}

#[tokio::test]
async fn of_every_table_its_rows_go_and_nobody_elses() {
    let test = TestStore::open().await;
    test.organization("venn", "platform").await;
    let (gone, stays) = (filled(&test, "gone").await, filled(&test, "stays").await);
    // What others have of it, and it of others.
    let partnership = id_in("partnership", &gone);
    let derived = [("partition_key", partnership.as_str()), ("key", "another")];
    for (table, of, others) in [
        ("route", &gone, &[("id", "another"), ("organization_id", stays.as_str())][..]),
        ("support_grant", &stays, &[("id", "another"), ("supporter_id", gone.as_str())]),
        ("install_partnership", &stays, &[("partnership_id", partnership.as_str())]),
        ("timeline", &stays, &derived),
        ("state", &stays, &derived[..1]),
    ] {
        insert(&test, table, of, others).await;
    }
    // Both have published the same.
    test.sql("UPDATE release SET digest = 'same'").await;
    let before = test.authority_no();
    let Erasure::Done { rows, components } = test.erase_organization(&gone).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!((components, test.authority_no()), (Vec::new(), before + 1));
    for (table, _) in OF_AN_ORGANIZATION {
        let (went, left) = match *table {
            "route" | "support_grant" | "install_partnership" | "timeline" | "state" => (2, 1),
            "idempotency" => (2, 0),
            // Its partner and the platform are told.
            "audit" | "audit_head" => (1, 3),
            _ => (1, 1),
        };
        assert_eq!((rows.get(table), count(&test, table).await), (Some(&went), left), "{table}");
    }
    let ended = count(&test, "partnership WHERE state = 'ended'").await;
    assert_eq!((ended, count(&test, "partnership").await), (1, 2));
}

#[tokio::test]
async fn a_person_has_no_way_in_any_more() {
    let test = TestStore::open().await;
    let (organization, _other) = (filled(&test, "ours").await, filled(&test, "theirs").await);
    let person = id_in("person", &organization);
    insert(&test, "secret", &organization, &[("credential_id", &person)]).await;
    let before = test.authority_no();
    let (erased, who) = test.erase_person(&organization, &person).await.unwrap();
    assert!(matches!(erased, Erasure::Done { .. }), "{erased:?}");
    assert_eq!((who.unwrap().to_string(), test.authority_no()), (person.clone(), before + 1));
    for table in
        ["member", "password", "invitation", "second_factor", "recovery_code", "connect_attempt"]
    {
        assert_eq!(count(&test, table).await, 1, "{table}: the other one's");
    }
    let own = format!("secret WHERE credential_id = '{person}'");
    assert_eq!((count(&test, "idempotency").await, count(&test, &own).await), (0, 0));
    let tokens =
        format!("token WHERE user_id = '{person}' AND name = '' AND revoked_at IS NOT NULL");
    assert_eq!(count(&test, &tokens).await, 1);
    assert_eq!(count(&test, "token WHERE revoked_at IS NULL").await, 1);
    let told = AuditFilter::of_action("person.erased");
    let told = test.audit_page(&organization, &told, None, 5).await.unwrap();
    assert_eq!(told.items.len(), 1);
    assert_eq!((told.items[0].actor.as_str(), &told.items[0].subject), ("host", &person));
}
