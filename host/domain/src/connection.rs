//! How a connection stands, and when its token is renewed. Pure: who asks brings the
//! time, and what the service answered.
use crate::{limits, manifest::ConnectionKind, time::Timestamp};

/// Whether a connection works, as far as the host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Nothing is known against it.
    Active,
    /// It works still, and will not for long unless what its reason names is mended.
    Expiring,
    /// It does not work: a person has to connect anew.
    ReconnectRequired,
}

crate::verdict::names!(ConnectionState {
    Active = "active",
    Expiring = "expiring",
    ReconnectRequired = "reconnect-required"
});

/// How long an access token is good, as the service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLife {
    /// When it came.
    pub issued_at: Timestamp,
    /// When it ends; none if the service did not say.
    pub expires_at: Option<Timestamp>,
    /// There is what to ask for another one with.
    pub renewable: bool,
}

/// What to do with a token now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Use it.
    Good,
    /// Ask for another one; this one works still.
    Due,
    /// It works no more.
    Over,
}

impl TokenLife {
    /// What to do with it at this moment.
    pub fn at(&self, now: Timestamp) -> Freshness {
        let Some(expires_at) = self.expires_at else { return Freshness::Good };
        if expires_at <= now {
            return Freshness::Over;
        }
        // A short life is not all skew.
        let whole_ms = expires_at.ms_since(self.issued_at);
        let early_ms = limits::TOKEN_EARLY_MS.cast_signed().min(whole_ms / 4);
        if expires_at.ms_since(now) <= early_ms { Freshness::Due } else { Freshness::Good }
    }

    /// How the connection stands at this moment, if `kept` was written down: what ends
    /// by itself need not be written by anybody.
    pub fn standing(
        &self,
        kept: (ConnectionState, &str),
        now: Timestamp,
    ) -> (ConnectionState, String) {
        if self.renewable || kept.0 == ConnectionState::ReconnectRequired {
            return (kept.0, kept.1.to_owned());
        }
        match self.at(now) {
            Freshness::Good => (kept.0, kept.1.to_owned()),
            Freshness::Due => (ConnectionState::Expiring, WITHOUT_REFRESH.to_owned()),
            Freshness::Over => (ConnectionState::ReconnectRequired, WITHOUT_REFRESH.to_owned()),
        }
    }
}

const WITHOUT_REFRESH: &str =
    "the service gave a token that ends and nothing to renew it with; connect it again";

/// How long after a failed attempt there is no other: half a minute first, an hour at most.
pub fn pause_ms(failures: u64) -> i64 {
    let doubled = 30_000_i64 << failures.saturating_sub(1).min(7);
    doubled.min(3_600_000)
}

/// Attempts with an answer that no standard knows, until a person is asked.
const UNCLEAR_MAX: u64 = 5;

/// What a failed attempt to renew a token means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// A person of the customer has to connect anew.
    Reconnect {
        /// Why, for people.
        reason: String,
    },
    /// The service refuses the publisher's client.
    Client {
        /// Why, for people.
        reason: String,
    },
    /// Another attempt may go well.
    Passing {
        /// Why, for people.
        reason: String,
    },
}

impl Failed {
    /// Why, for people.
    pub fn reason(&self) -> &str {
        match self {
            Self::Reconnect { reason } | Self::Client { reason } | Self::Passing { reason } => {
                reason
            }
        }
    }
}

/// The standard's codes (RFC 6749, 5.2): only these are ever repeated to people.
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// Judges the answer of a token endpoint that brought no token. `code` is the answer's
/// `error`; `failures` counts this one, too.
pub fn judge(
    kind: ConnectionKind,
    host: &str,
    status: u16,
    code: Option<&str>,
    failures: u64,
) -> Failed {
    let known = code.and_then(|code| CODES.into_iter().find(|known| *known == code));
    let own_client = kind == ConnectionKind::ClientCredentials;
    match known {
        Some("invalid_grant") => Failed::Reconnect {
            reason: format!(
                "{host} says that the permission has ended (`invalid_grant`); connect it again"
            ),
        },
        Some(code @ ("invalid_client" | "unauthorized_client")) if own_client => {
            Failed::Reconnect {
                reason: format!(
                    "{host} refuses your client id and secret (`{code}`); give the right ones"
                ),
            }
        }
        Some(code @ ("invalid_client" | "unauthorized_client")) => Failed::Client {
            reason: format!(
                "{host} refuses the publisher's client (`{code}`); only the publisher can mend that"
            ),
        },
        Some(code) => Failed::Client {
            reason: format!(
                "{host} does not take what the plugin's manifest asks for (`{code}`); only the \
                 publisher can mend that"
            ),
        },
        None if (400..500).contains(&status)
            && !matches!(status, 408 | 425 | 429)
            && failures >= UNCLEAR_MAX =>
        {
            Failed::Reconnect {
                reason: format!(
                    "{host} has answered {status} to {failures} attempts to renew the token; \
                     connect it again"
                ),
            }
        }
        None => Failed::Passing { reason: format!("{host} answered {status} instead of a token") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_764_000_000_000_000);

    fn life(expires_in_ms: i64, renewable: bool) -> TokenLife {
        TokenLife { issued_at: NOW, expires_at: Some(NOW.plus_ms(expires_in_ms)), renewable }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_and_a_short_one_is_not_renewed_all_the_time() {
        let hour = life(3_600_000, true);
        let early = limits::TOKEN_EARLY_MS.cast_signed();
        let at = |life: TokenLife, ms| life.at(NOW.plus_ms(ms));
        assert_eq!(at(hour, 3_600_000 - early - 1), Freshness::Good);
        assert_eq!(at(hour, 3_600_000 - early), Freshness::Due);
        assert_eq!(at(hour, 3_599_999), Freshness::Due);
        assert_eq!(at(hour, 3_600_000), Freshness::Over);
        let minute = life(60_000, true);
        assert_eq!((at(minute, 0), at(minute, 45_000)), (Freshness::Good, Freshness::Due));
        let endless = TokenLife { expires_at: None, ..hour };
        assert_eq!(at(endless, i64::MAX / 2_000), Freshness::Good);
    }

    #[test]
    fn what_cannot_be_renewed_says_so_before_and_after_its_end() {
        use ConnectionState::{Active, Expiring, ReconnectRequired};
        let stands = |life: TokenLife, kept, ms| life.standing((kept, "kept"), NOW.plus_ms(ms)).0;
        assert_eq!(stands(life(3_600_000, false), Active, 0), Active);
        assert_eq!(stands(life(3_600_000, false), Active, 3_599_000), Expiring);
        assert_eq!(stands(life(3_600_000, false), Active, 3_600_000), ReconnectRequired);
        assert_eq!(stands(life(3_600_000, true), Active, 3_600_000), Active);
        let kept = life(3_600_000, false).standing((ReconnectRequired, "refused"), NOW);
        assert_eq!(kept, (ReconnectRequired, "refused".to_owned()));
    }

    #[test]
    fn an_answer_without_a_token_finds_who_can_mend_it() {
        let said = |kind, status, code, failures| {
            judge(kind, "login.example", status, code, failures).reason().to_owned()
        };
        let oauth = ConnectionKind::Oauth2;
        assert_eq!(
            judge(oauth, "login.example", 400, Some("invalid_grant"), 1),
            Failed::Reconnect {
                reason: "login.example says that the permission has ended (`invalid_grant`); connect it again".to_owned()
            }
        );
        assert_eq!(
            judge(oauth, "login.example", 401, Some("invalid_client"), 1),
            Failed::Client {
                reason: "login.example refuses the publisher's client (`invalid_client`); only the publisher can mend that".to_owned()
            }
        );
        assert_eq!(
            judge(ConnectionKind::ClientCredentials, "login.example", 401, Some("invalid_client"), 1),
            Failed::Reconnect {
                reason: "login.example refuses your client id and secret (`invalid_client`); give the right ones".to_owned()
            }
        );
        // What a stranger writes is never repeated.
        assert_eq!(
            said(oauth, 400, Some("at-secret-1"), 1),
            "login.example answered 400 instead of a token"
        );
        assert!(matches!(judge(oauth, "h", 500, None, 99), Failed::Passing { .. }));
        assert!(matches!(judge(oauth, "h", 429, None, 99), Failed::Passing { .. }));
        assert!(matches!(judge(oauth, "h", 400, None, 4), Failed::Passing { .. }));
        assert!(matches!(judge(oauth, "h", 400, None, 5), Failed::Reconnect { .. }));
    }

    #[test]
    fn a_pause_grows_and_ends_at_an_hour() {
        let pauses: Vec<_> = [0, 1, 2, 3, 8, u64::MAX].map(pause_ms).into();
        assert_eq!(pauses, [30_000, 30_000, 60_000, 120_000, 3_600_000, 3_600_000]);
    }
}
