//! The object types that are simulated, with every name that HubSpot's paths accept for them,
//! and the association types between them.

use super::error::Problem;

/// A type of CRM object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Companies,
    Contacts,
    Tasks,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Companies, Self::Contacts, Self::Tasks];

    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        let named = |kind: &Self| {
            let lower = name.to_ascii_lowercase();
            [kind.plural(), kind.singular(), kind.type_id()].contains(&lower.as_str())
        };
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| Problem::validation(format!("Unable to infer object type from: {name}")))
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Contacts => "contacts",
            Self::Tasks => "tasks",
        }
    }

    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Companies => "company",
            Self::Contacts => "contact",
            Self::Tasks => "task",
        }
    }

    /// HubSpot's numeric object type id.
    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Tasks => "0-27",
        }
    }

    /// The object type whose scopes a token needs; tasks have none of their own.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Contacts | Self::Tasks => "contacts",
        }
    }

    pub(super) fn created_property(self) -> &'static str {
        match self {
            Self::Companies | Self::Contacts => "createdate",
            Self::Tasks => "hs_createdate",
        }
    }

    pub(super) fn modified_property(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Companies | Self::Tasks => "hs_lastmodifieddate",
        }
    }

    /// What a read returns when it names no properties, besides id and dates.
    pub(super) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Companies => &["domain", "name"],
            Self::Contacts => &["email", "firstname", "lastname"],
            Self::Tasks => &[],
        }
    }

    /// The unlabelled association type from this to that, of HubSpot's table of type ids.
    pub(super) fn default_association(self, to: Self) -> Result<u32, Problem> {
        match (self, to) {
            (Self::Contacts, Self::Companies) => Ok(279),
            (Self::Companies, Self::Contacts) => Ok(280),
            (Self::Tasks, Self::Companies) => Ok(192),
            (Self::Companies, Self::Tasks) => Ok(191),
            (Self::Tasks, Self::Contacts) => Ok(204),
            (Self::Contacts, Self::Tasks) => Ok(203),
            // Records of one type can be associated in HubSpot; nothing here needs it.
            (from, to) => Err(Problem::validation(format!(
                "No default association type is simulated between {} and {}",
                from.plural(),
                to.plural()
            ))),
        }
    }
}
