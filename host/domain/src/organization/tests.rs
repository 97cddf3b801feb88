//! The access decision over every organization, role and scope.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::id::IdSource;

struct Nth(u128);
impl IdSource for Nth {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, self.0)
    }
}

fn organization(n: u128) -> OrganizationId {
    OrganizationId::make(&Nth(n))
}

/// Every role in our own, a foreign and the platform's organization, with
/// every single scope, all and none.
fn principals() -> Vec<Principal> {
    let mut all = Vec::new();
    let mut scopes: Vec<Vec<Scope>> = Scope::ALL.iter().map(|scope| vec![*scope]).collect();
    scopes.extend([Scope::ALL.to_vec(), Vec::new()]);
    for (n, platform) in [(1, false), (2, false), (3, true)] {
        for role in Role::ALL {
            for scopes in &scopes {
                all.push(Principal {
                    user: UserId::make(&Nth(9)),
                    organization: organization(n),
                    kinds: Kinds { customer: true, publisher: true, platform },
                    role: *role,
                    scopes: scopes.clone(),
                    nouns: Vec::new(),
                });
            }
        }
    }
    all
}

/// The table of what a token may, written out.
fn allowed(scopes: &[Scope], needed: Scope) -> bool {
    scopes.iter().any(|scope| match scope {
        Scope::Read => needed == Scope::Read,
        Scope::Write => [Scope::Read, Scope::Write].contains(&needed),
        Scope::Publish => [Scope::Read, Scope::Publish].contains(&needed),
        Scope::Admin => true,
    })
}

#[test]
fn every_need_against_every_caller() {
    let ours = organization(1);
    let any: &[Role] = &[Role::Admin, Role::Developer, Role::User, Role::Support];
    // Need, our own may, the platform may, roles, scope.
    let needs = [
        (Need::member(&ours), true, false, any, Scope::Read),
        (Need::user(&ours), true, false, &[Role::Admin, Role::User], Scope::Write),
        (Need::admin(&ours), true, false, &[Role::Admin], Scope::Write),
        (Need::owner(&ours), true, false, &[Role::Admin], Scope::Admin),
        (Need::people(&ours), true, false, &[Role::Admin], Scope::Admin),
        (Need::developer(&ours), true, false, &[Role::Admin, Role::Developer], Scope::Publish),
        (Need::platform(), false, true, any, Scope::Read),
        (Need::platform_admin(), false, true, &[Role::Admin], Scope::Admin),
        (Need::member(&ours).or_platform(), true, true, any, Scope::Read),
    ];
    for (need, own, platform, roles, scope) in needs {
        for who in principals() {
            let visible = (own && who.organization == ours) || (platform && who.kinds.platform);
            let answer = who.may(need);
            let expected = match (visible, roles.contains(&who.role), allowed(&who.scopes, scope)) {
                (false, _, _) => Err(AccessDenied::NotVisible),
                (true, false, _) => {
                    assert!(
                        matches!(&answer, Err(AccessDenied::Role { has, .. }) if *has == who.role)
                    );
                    continue;
                }
                (true, true, false) => Err(AccessDenied::Scope { needed: scope }),
                (true, true, true) => Ok(()),
            };
            assert_eq!(answer, expected, "{need:?} {who:?}");
        }
    }
}

#[test]
fn a_token_for_some_nouns_changes_no_people() {
    let ours = organization(1);
    let (people, recovery) = (Need::people(&ours), Need::platform_admin().whole());
    for who in principals() {
        let narrow = Principal { nouns: vec!["members".into(), "runs".into()], ..who.clone() };
        for need in [Need::owner(&ours), Need::platform_admin()] {
            assert_eq!(narrow.may(need), who.may(need));
        }
        for need in [people, recovery] {
            let Err(denied) = narrow.may(need) else { panic!("{need:?} {narrow:?}") };
            let text = "this token is for calls of `members`, `runs` only, and this one leads to all the others";
            // What else is missing is told first.
            let expected = who.may(need).map_or_else(|first| first.to_string(), |()| text.into());
            assert_eq!(denied.to_string(), expected);
        }
    }
}

#[test]
fn a_foreign_caller_learns_nothing_not_even_which_role_it_lacks() {
    let ours = organization(1);
    for who in principals().iter().filter(|who| who.organization != ours) {
        for need in
            [Need::member(&ours), Need::admin(&ours), Need::developer(&ours), Need::owner(&ours)]
        {
            let text = who.may(need).unwrap_err().to_string();
            assert_eq!(text, "there is no such thing, or it is not yours to see");
        }
    }
}

#[test]
fn names_read_back() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.name()), Some(*role));
    }
    for scope in Scope::ALL {
        assert_eq!(Scope::parse(scope.name()), Some(*scope));
    }
    assert_eq!((Role::parse("Admin"), Scope::parse("*")), (None, None));
}
