//! Organizations, members, roles, token scopes, and the one access decision.
//!
//! Every HTTP handler states what it needs in one line: a [`Need`] of an
//! organization, and the scope that the token must carry. What a caller may
//! not even know of is answered like something that does not exist.
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{OrganizationId, UserId};

/// What a company is on the platform; not exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kinds {
    /// Maps accounts and enables plugins.
    pub customer: bool,
    /// Publishes plugins.
    pub publisher: bool,
    /// The one that runs Venn.
    pub platform: bool,
}

/// What a member may do in its organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Publish and maintain plugins; read the rest.
    Developer,
    /// Work with accounts, overlaps and runs.
    User,
    /// Read runs and the inbox.
    Support,
}

/// What a token may do at most; `admin` includes all, `write` and `publish` `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Read everything that the user may read.
    Read,
    /// Change things too.
    Write,
    /// Publish releases.
    Publish,
    /// Manage members, tokens, approvals.
    Admin,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the API and the store.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names!(Role { Admin = "admin", Developer = "developer", User = "user", Support = "support" });
names!(Scope { Read = "read", Write = "write", Publish = "publish", Admin = "admin" });

impl Scope {
    /// Whether a token with this scope may what takes the other.
    pub fn includes(self, other: Self) -> bool {
        self == Self::Admin || other == Self::Read || self == other
    }
}

/// Who calls: one user, in one organization, with one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The organization that the token is for.
    pub organization: OrganizationId,
    /// What that organization is.
    pub kinds: Kinds,
    /// The user's role there, now.
    pub role: Role,
    /// The token's scopes.
    pub scopes: Vec<Scope>,
    /// The nouns of calls that the token is for; empty for all.
    pub nouns: Vec<String>,
}

/// What a handler needs: whose, which roles, which scope.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    organization: Option<&'a OrganizationId>,
    platform: bool,
    roles: &'static [Role],
    /// None: whatever the scopes, even none.
    scope: Option<Scope>,
    /// With a token for all nouns only.
    whole: bool,
}

const ANYONE: &[Role] = Role::ALL;
const ADMIN: &[Role] = &[Role::Admin];
const BUILDERS: &[Role] = &[Role::Admin, Role::Developer];
const WORKERS: &[Role] = &[Role::Admin, Role::User];

impl<'a> Need<'a> {
    const fn of(organization: &'a OrganizationId, roles: &'static [Role], scope: Scope) -> Self {
        Self {
            organization: Some(organization),
            platform: false,
            roles,
            scope: Some(scope),
            whole: false,
        }
    }

    const fn of_platform(roles: &'static [Role], scope: Scope) -> Self {
        Self { organization: None, platform: true, roles, scope: Some(scope), whole: false }
    }

    /// Any member of the organization, to read.
    pub const fn member(organization: &'a OrganizationId) -> Self {
        Self::of(organization, ANYONE, Scope::Read)
    }

    /// Any member of the organization, also with a session that may do nothing but set up
    /// the second factor that is demanded.
    pub const fn enrolling(organization: &'a OrganizationId) -> Self {
        Self { scope: None, ..Self::of(organization, ANYONE, Scope::Read) }
    }

    /// Any member of the organization, to change what is their own.
    pub const fn oneself(organization: &'a OrganizationId) -> Self {
        Self::of(organization, ANYONE, Scope::Write)
    }

    /// A user or admin of the organization, to change accounts and such.
    pub const fn user(organization: &'a OrganizationId) -> Self {
        Self::of(organization, WORKERS, Scope::Write)
    }

    /// An admin of the organization, to change what others may do.
    pub const fn admin(organization: &'a OrganizationId) -> Self {
        Self::of(organization, ADMIN, Scope::Write)
    }

    /// An admin of the organization with an admin token: tokens, keys, what all have to do.
    pub const fn owner(organization: &'a OrganizationId) -> Self {
        Self::of(organization, ADMIN, Scope::Admin)
    }

    /// The same, to change who works there, as what, and how they get in.
    pub const fn people(organization: &'a OrganizationId) -> Self {
        Self::owner(organization).whole()
    }

    /// A developer or admin of the organization, to publish.
    pub const fn developer(organization: &'a OrganizationId) -> Self {
        Self::of(organization, BUILDERS, Scope::Publish)
    }

    /// Anyone of the platform, to read.
    pub const fn platform() -> Self {
        Self::of_platform(ANYONE, Scope::Read)
    }

    /// An admin of the platform, to approve, refuse and suspend.
    pub const fn platform_admin() -> Self {
        Self::of_platform(ADMIN, Scope::Admin)
    }

    /// The same, with no token that is narrowed to some nouns: who makes or lets in a person
    /// can be that person, in every call.
    #[must_use]
    pub const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The same, for members of the platform too.
    #[must_use]
    pub const fn or_platform(mut self) -> Self {
        self.platform = true;
        self
    }
}

/// Why a caller is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// The caller must not know whether it exists.
    #[error("there is no such thing, or it is not yours to see")]
    NotVisible,
    /// Visible, but the role is too small.
    #[error("this needs the role {needed} in this organization; yours is {has}")]
    Role {
        /// The roles that may.
        needed: String,
        /// The caller's.
        has: Role,
    },
    /// Visible, but the token is too small.
    #[error("this needs a token with the scope `{needed}`")]
    Scope {
        /// The scope that is missing.
        needed: Scope,
    },
    /// Visible, but the token is for some nouns only.
    #[error("this token is for calls of {own} only, and this one leads to all the others")]
    Nouns {
        /// What it is for.
        own: String,
    },
}

impl Principal {
    /// Whether the token may what takes this scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|one| one.includes(scope))
    }

    /// Whether the token is for calls of this noun. Who one is can always be asked.
    pub fn is_for(&self, noun: &str) -> bool {
        noun == "me" || self.nouns.is_empty() || self.nouns.iter().any(|one| one == noun)
    }

    /// The nouns that the token is for, as they are told.
    pub fn own_nouns(&self) -> String {
        format!("`{}`", self.nouns.join("`, `"))
    }

    /// May this caller do that?
    pub fn may(&self, need: Need<'_>) -> Result<(), AccessDenied> {
        let own = need.organization == Some(&self.organization);
        let as_platform = need.platform && self.kinds.platform;
        if !own && !as_platform {
            return Err(AccessDenied::NotVisible);
        }
        if !need.roles.contains(&self.role) {
            let needed: Vec<_> = need.roles.iter().map(|role| role.name()).collect();
            return Err(AccessDenied::Role { needed: needed.join(" or "), has: self.role });
        }
        match need.scope {
            Some(needed) if !self.has(needed) => Err(AccessDenied::Scope { needed }),
            _ if need.whole && !self.nouns.is_empty() => {
                Err(AccessDenied::Nouns { own: self.own_nouns() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
