//! `venn orgs`: organizations, their members and tokens. A token is shown once,
//! when it is made; the server keeps only its hash.
use clap::{ArgGroup, Args, Subcommand, builder::PossibleValuesParser};
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::organization::{Role, Scope};

use super::{
    ask,
    client::Call,
    exit::Exit,
    input,
    output::{
        failure::Failure,
        table::{Column, Field},
        value::{is_true, list, moment, raw, text},
    },
    session::{Page, Session},
};

/// Organizations, members and tokens
#[derive(Debug, Subcommand)]
pub(crate) enum OrgsCommand {
    /// Makes an organization with its first admin (platform admins)
    Create(CreateArgs),
    /// Lists organizations: the directory where partners find each other
    List {
        /// With when they were made: all of them for the platform, else only yours
        #[arg(long)]
        ids: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Shows an organization: yours, or any for the platform
    Show {
        /// Its id or slug; else yours
        org: Option<String>,
    },
    /// Lists members, or changes who is one
    Members(MembersArgs),
    /// Lists tokens, or makes and revokes them
    Tokens(TokensArgs),
    /// Shows whether nobody logs in with a password alone, or says so
    TwoFactor(TwoFactorArgs),
    /// Shows whether the platform knows who your organization is, or proves it (publishers)
    Verification {
        /// Proves that this domain is yours, by the line that stands there
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
    },
    /// Gives an organization's admin a fresh token, where all are lost (platform admins)
    Recover(RecoverArgs),
    /// Lists which calls were made with which token, per day (admins)
    Usage(UsageArgs),
}

/// Makes an organization
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its slug, as it stands in addresses
    slug: String,
    /// Its name; else the slug
    #[arg(long)]
    name: Option<String>,
    /// It maps accounts and enables plugins
    #[arg(long)]
    customer: bool,
    /// It publishes plugins
    #[arg(long)]
    publisher: bool,
    /// E-mail address of its first admin
    #[arg(long, value_name = "E-MAIL")]
    admin_email: String,
    /// Name of its first admin; else the address
    #[arg(long, value_name = "NAME")]
    admin_name: Option<String>,
}

/// Members
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").args(["add", "add_service", "change"]))]
pub(crate) struct MembersArgs {
    /// Adds a member with this address
    #[arg(long, value_name = "E-MAIL", requires = "role", conflicts_with = "remove")]
    add: Option<String>,
    /// Adds a service of this name: a program of the organization
    #[arg(long, value_name = "NAME", requires = "role", conflicts_with_all = ["add", "change", "remove"])]
    add_service: Option<String>,
    /// Their name; else the address
    #[arg(long, requires = "add")]
    name: Option<String>,
    /// Gives a member another --role, by the user's id or address
    #[arg(long, value_name = "USER", requires = "role", conflicts_with_all = ["add", "remove"])]
    change: Option<String>,
    /// What they may do, with --add or --change
    #[arg(long, requires = "whose", value_parser = PossibleValuesParser::new(names(Role::ALL, Role::name)))]
    role: Option<String>,
    /// Removes a member, by the user's id or address
    #[arg(long, value_name = "USER")]
    remove: Option<String>,
    /// Makes a text with which a member sets a password, once; the one until now ends
    #[arg(long, value_name = "USER", conflicts_with_all = ["add", "change", "remove"])]
    invite: Option<String>,
    /// Removes the second factor of a member who has lost it
    #[arg(long, value_name = "USER", conflicts_with_all = ["add", "change", "remove", "invite"])]
    reset_two_factor: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Whether logins need a second factor
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct TwoFactorArgs {
    /// Demand one of every member; sessions of those without one end
    #[arg(long)]
    demand: bool,
    /// Leave it to each member
    #[arg(long)]
    optional: bool,
}

/// Tokens
#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    /// Makes a token of this name
    #[arg(long, value_name = "NAME", requires = "scope", conflicts_with = "revoke")]
    create: Option<String>,
    /// What it may do (repeatable); write and publish may read, admin may all
    #[arg(long, requires = "create", value_parser = PossibleValuesParser::new(names(Scope::ALL, Scope::name)))]
    scope: Vec<String>,
    /// Only for calls of this noun, for example imports (repeatable)
    #[arg(long, value_name = "NOUN", requires = "create")]
    only: Vec<String>,
    /// Days until it expires, 1 to 365
    #[arg(long, value_name = "DAYS", default_value = "90")]
    days: u32,
    /// For this member instead of yourself, by id or address
    #[arg(long, value_name = "USER", requires = "create")]
    user: Option<String>,
    /// Revokes a token, by its id
    #[arg(long, value_name = "TOKEN")]
    revoke: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// A fresh token for an admin who has none any more
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The organization's id or slug
    slug: String,
    /// E-mail address of one of its admins; else the one of the longest standing
    #[arg(long, value_name = "E-MAIL")]
    email: Option<String>,
    /// Why; both audits have it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// The names of a closed set, for clap.
fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

/// What calls were made
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// Only with this token, by its id
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Only this call, for example account-list
    #[arg(long, value_name = "NAME")]
    call: Option<String>,
    #[command(flatten)]
    page: Page,
}

const ORGS: &[Column] = &[
    Column::whole("ORGANIZATION", "id"),
    Column::whole("SLUG", "slug"),
    Column::text("NAME", "name"),
    Column::text("CUSTOMER", "customer"),
    Column::text("PUBLISHER", "publisher"),
];

const ORGS_WITH_IDS: &[Column] = &[
    Column::whole("ORGANIZATION", "id"),
    Column::whole("SLUG", "slug"),
    Column::text("NAME", "name"),
    Column::moment("SINCE", "created_at"),
];

const ORG: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Slug", "slug"),
    Field::text("Name", "name"),
    Field::text("Customer", "customer"),
    Field::text("Publisher", "publisher"),
    Field::text("Platform", "platform"),
    Field::moment("Since", "created_at"),
];

const MEMBERS: &[Column] = &[
    Column::whole("USER", "user_id"),
    Column::text("NAME", "user_name"),
    Column::text("E-MAIL", "user_email"),
    Column::text("ROLE", "role"),
    Column::text("TWO FACTORS", "second_factor"),
];

const TOKENS: &[Column] = &[
    Column::whole("TOKEN", "id"),
    Column::text("NAME", "name"),
    Column::text("MEMBER", "user_email"),
    Column::text("CALLED", "user_name"),
    Column::text("SCOPES", "scopes"),
    Column::text("ONLY", "nouns"),
    Column::moment("USED", "last_used_at"),
    Column::moment("EXPIRES", "expires_at"),
    Column::moment("REVOKED", "revoked_at"),
];

const USAGE: &[Column] = &[
    Column::whole("DAY", "day"),
    Column::text("TOKEN", "token_name"),
    Column::text("CALL", "call"),
    Column::number("CALLS", "calls"),
    Column::number("REFUSED", "errors"),
    Column::moment("LAST", "last_at"),
];

/// Whether the platform knows who a publisher is, and how it can.
fn verification(found: &Value) -> String {
    let at = moment(found, "verified_at");
    match raw(found, "verified") {
        "domain" => format!("Verified: {} is yours, {at}.", text(found, "domain")),
        "vouched" => {
            format!("Verified: the platform vouches for you, {at}: {}", raw(found, "reason"))
        }
        _ => format!(
            "{}\n\nPut this line into https://DOMAIN/.well-known/venn-publisher.txt, then \
             `venn orgs verification --domain DOMAIN`:\n\n  {}\n",
            unverified(found),
            raw(found, "line")
        ),
    }
}

fn unverified(found: &Value) -> String {
    if raw(found, "ended_at").is_empty() {
        return "Not verified: no release of yours is approved yet.".to_owned();
    }
    format!(
        "Not verified any more, since {}: {} What was approved goes on; nothing more of yours is \
         approved until you are verified again.",
        moment(found, "ended_at"),
        text(found, "ended_reason")
    )
}

/// `venn orgs`
pub(crate) fn run(session: &Session, command: &OrgsCommand) -> Result<(), Failure> {
    match command {
        OrgsCommand::Create(args) => create(session, args),
        OrgsCommand::List { ids, page } => {
            let (noun, columns) =
                if *ids { ("organizations", ORGS_WITH_IDS) } else { ("directory", ORGS) };
            let segments = [noun];
            let call = Call::new(Method::GET, &segments);
            session.listing(&call, page, columns, "There are no organizations.")
        }
        OrgsCommand::Show { org } => {
            let org = match org {
                Some(org) => org,
                None => session.org()?,
            };
            let reply = session.get(&["organizations", org])?;
            session.show(&reply, |org| session.out.fields(org, ORG))
        }
        OrgsCommand::Members(args) => members(session, args),
        OrgsCommand::Tokens(args) => tokens(session, args),
        OrgsCommand::TwoFactor(TwoFactorArgs { demand: false, optional: false }) => {
            let reply = session.get(&["me", "second-factor"])?;
            session.show(&reply, |it| {
                let who = if is_true(it, "demanded") {
                    "Every login needs"
                } else {
                    "Each member decides about"
                };
                format!("{who} a second factor. `venn orgs members` shows who has one.")
            })
        }
        OrgsCommand::TwoFactor(args) => {
            let segments = ["organizations", session.org()?, "second-factor"];
            let reply = session.put(&segments, &json!({ "demanded": args.demand }))?;
            session.show(&reply, |_| {
                let who =
                    if args.demand { "Every login needs" } else { "Each member decides about" };
                format!("{who} a second factor from now on.")
            })
        }
        OrgsCommand::Verification { domain } => {
            let segments = ["organizations", session.org()?, "verification"];
            let reply = match domain {
                Some(domain) => session.post(&segments, &json!({ "domain": domain }))?,
                None => session.get(&segments)?,
            };
            session.show(&reply, verification)
        }
        OrgsCommand::Recover(args) => recover(session, args),
        OrgsCommand::Usage(args) => {
            let segments = ["organizations", session.org()?, "api-usage"];
            let call = Call::new(Method::GET, &segments)
                .with("token", args.token.as_ref())
                .with("call", args.call.as_ref());
            session.listing(&call, &args.page, USAGE, &uncounted(args))
        }
    }
}

/// What is said where nothing was counted: a name may be mistyped.
fn uncounted(args: &UsageArgs) -> String {
    match (&args.call, &args.token) {
        (None, None) => "No calls were counted.".to_owned(),
        (Some(call), None) => format!(
            "No call `{call}` was counted, or there is none of that name; `venn orgs usage` shows those that were."
        ),
        (None, Some(token)) => format!(
            "No call with the token `{token}` was counted; `venn orgs tokens` shows the tokens."
        ),
        (Some(call), Some(token)) => format!(
            "No call `{call}` with the token `{token}` was counted; `venn orgs usage` shows those that were."
        ),
    }
}

fn create(session: &Session, args: &CreateArgs) -> Result<(), Failure> {
    if !args.customer && !args.publisher {
        return Err(Failure::usage(
            "The organization would be neither customer nor publisher.",
            "Add --customer, --publisher or both.",
        ));
    }
    let body = json!({
        "slug": args.slug, "name": args.name.as_ref().unwrap_or(&args.slug),
        "customer": args.customer, "publisher": args.publisher,
        "admin_email": args.admin_email, "admin_name": args.admin_name.as_ref().unwrap_or(&args.admin_email),
    });
    let reply = session.post(&["organizations"], &body).map_err(by_the_platform)?;
    session.show(&reply, |it| {
        format!(
            "{} ({}) is there.\n{}It ends in 90 days; before, its owner makes the next: `venn orgs tokens --create NAME --scope admin`.",
            args.slug,
            text(it, "id"),
            once(it, &args.admin_email)
        )
    })
}

/// For anyone else the call does not exist; what it takes is no secret.
fn by_the_platform(failure: Failure) -> Failure {
    if failure.exit != Exit::NotFound {
        return failure;
    }
    let what = "Only an admin of the platform makes organizations, and this login is not one's.";
    let next =
        "Ask the platform's admin, or add the --profile of one; `venn whoami` shows who you are.";
    Failure::new(Exit::NotFound, what, next)
}

/// A token on its only appearance.
fn once(reply: &Value, whose: &str) -> String {
    let token = text(reply, "token");
    if token == "-" {
        return "Its token is not shown again.\n".to_owned();
    }
    format!("The token of {whose}, shown only this once:\n  {token}\n")
}

fn recover(session: &Session, args: &RecoverArgs) -> Result<(), Failure> {
    ask::confirm(
        session,
        &format!("Make a token that may do everything in {}? Its audit says so.", args.slug),
        "No token was made.",
    )?;
    let body = json!({ "email": args.email, "reason": args.reason });
    let reply = session.post(&["organizations", &args.slug, "recovery-token"], &body)?;
    session.show(&reply, |it| once(it, &text(it, "user_email")))
}

fn members(session: &Session, args: &MembersArgs) -> Result<(), Failure> {
    let org = session.org()?;
    let segments = ["organizations", org, "members"];
    if let Some(email) = &args.add {
        let name = args.name.as_ref().unwrap_or(email);
        let reply =
            session.post(&segments, &json!({ "email": email, "name": name, "role": args.role }))?;
        return session.show(&reply, |it| {
            let user = text(it, "user_id");
            format!("{email} ({user}) is a member. A password: `venn orgs members --invite {user}`. A token: `venn orgs tokens --create NAME --scope read --user {user}`")
        });
    }
    if let Some(name) = &args.add_service {
        let segments = ["organizations", org, "services"];
        let reply = session.post(&segments, &json!({ "name": name, "role": args.role }))?;
        return session.show(&reply, |it| {
            let user = text(it, "user_id");
            format!("{name} ({user}) is a service. A token: `venn orgs tokens --create NAME --scope read --user {user}`")
        });
    }
    if let Some(who) = &args.change {
        let user = input::member(session, who)?;
        let segments = ["organizations", org, "members", &user, "role"];
        let reply = session.put(&segments, &json!({ "role": args.role }))?;
        return session
            .show(&reply, |it| format!("{who} has the role {} from now on.", text(it, "role")));
    }
    if let Some(who) = &args.invite {
        let user = &input::member(session, who)?;
        ask::confirm(
            session,
            &format!("Invite {who} to set a password? The one until now and their sessions end."),
            "Nobody was invited.",
        )?;
        let segments = ["organizations", org, "members", user, "invitation"];
        let reply = session.post(&segments, &json!({}))?;
        let server = session.client()?.server().as_str().trim_end_matches('/').to_owned();
        return session.show(&reply, |it| invitation(it, who, &server));
    }
    if let Some(who) = &args.reset_two_factor {
        let user = &input::member(session, who)?;
        let question = format!(
            "Let {who} log in with a password alone, until they set it up again? Their sessions end."
        );
        ask::confirm(session, &question, "Nothing was changed.")?;
        let reply = session.delete(&["organizations", org, "members", user, "second-factor"])?;
        return session.show(&reply, |_| {
            format!("{who} has no second factor any more, and their sessions have ended.")
        });
    }
    if let Some(who) = &args.remove {
        let user = &input::member(session, who)?;
        ask::confirm(
            session,
            &format!("Remove {who} from {org}? Their tokens end."),
            "Nobody was removed.",
        )?;
        let reply = session.delete(&["organizations", org, "members", user])?;
        return session.show(&reply, |_| format!("{who} is no member any more."));
    }
    session.listing(
        &Call::new(Method::GET, &segments),
        &args.page,
        MEMBERS,
        "There are no members.",
    )
}

/// An invitation on its only appearance.
fn invitation(reply: &Value, whose: &str, server: &str) -> String {
    let server = match raw(reply, "server") {
        "" => server,
        public => public,
    };
    let text = text(reply, "invitation");
    if text == "-" {
        return "The invitation is not shown again.".to_owned();
    }
    format!(
        "The invitation of {whose}, shown only this once; it works once, for three days:\n  {text}\n\
         They set a password with it: `venn passwd --invitation --server {server}`.\n"
    )
}

fn tokens(session: &Session, args: &TokensArgs) -> Result<(), Failure> {
    let org = session.org()?;
    let segments = ["organizations", org, "tokens"];
    if let Some(name) = &args.create {
        let mut body = json!({ "name": name, "scopes": args.scope, "nouns": args.only, "expires_in_days": args.days });
        if let (Some(user), Some(body)) = (&args.user, body.as_object_mut()) {
            body.insert("user".to_owned(), input::member(session, user)?.into());
        }
        let reply = session.post(&segments, &body)?;
        return session.show(&reply, |it| {
            let of = match list(it, "nouns") {
                [] => String::new(),
                _ => format!(", for {} only", text(it, "nouns")),
            };
            let may = text(it, "scopes");
            format!("{}It may {may}{of}, until {}.", once(it, name), moment(it, "expires_at"))
        });
    }
    if let Some(token) = &args.revoke {
        ask::confirm(
            session,
            &format!("Revoke {token}? Who uses it is locked out at once."),
            "Nothing was revoked.",
        )?;
        let reply = session.delete(&["organizations", org, "tokens", token])?;
        return session.show(&reply, |_| format!("{token} is revoked."));
    }
    session.listing(&Call::new(Method::GET, &segments), &args.page, TOKENS, "There are no tokens.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_make_organizations_is_told_who_may() {
        let not_found = Failure::new(Exit::NotFound, "There is no such thing.", "");
        assert_eq!(
            by_the_platform(not_found).to_string(),
            "error: Only an admin of the platform makes organizations, and this login is not one's.\n  \
             next: Ask the platform's admin, or add the --profile of one; `venn whoami` shows who you are."
        );
        let taken = Failure::new(Exit::Refused, "`acme` is already taken.", "Choose another name.");
        assert_eq!(by_the_platform(taken.clone()), taken);
    }

    #[test]
    fn a_call_that_was_never_counted_is_not_none_at_all() {
        let asked = |call: Option<&str>| UsageArgs {
            token: None,
            call: call.map(str::to_owned),
            page: Page::default(),
        };
        assert_eq!(uncounted(&asked(None)), "No calls were counted.");
        assert_eq!(
            uncounted(&asked(Some("acount-list"))),
            "No call `acount-list` was counted, or there is none of that name; `venn orgs usage` shows those that were."
        );
    }
}
