//! The `venn` command: the command tree, and nothing else.
//!
//! - [`client`]: the one place that talks to the server.
//! - [`session`]: global flags, server, token, organization.
//! - [`output`]: tables, colour, errors. [`exit`]: what the exit codes mean.
//! - one file per noun: its arguments, then `run`.
//!
//! To add a command: a file with an args struct and `run`, a variant and an
//! arm here. The binary's `main` does nothing but call [`main`].
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod accounts;
mod api;
mod ask;
mod audit;
mod author;
mod backup;
mod client;
mod connections;
mod credentials;
mod deliveries;
mod doctor;
mod erase;
mod exit;
mod import;
mod imports;
mod inbox;
mod input;
mod install;
mod installs;
mod keys;
mod login;
mod marketplace;
mod orgs;
mod output;
mod partner;
mod plugins;
mod publish;
mod review;
mod runs;
mod serve;
mod session;
mod sessions;
mod shell;
mod signing_keys;
mod sources;
mod storage;
mod support;
mod two_factor;

use self::{exit::Exit, output::failure::Failure, session::Session};

/// Venn: partner-built integrations on overlap data, sandboxed
#[derive(Debug, Parser)]
#[command(name = "venn", version, after_help = exit::help(), disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: session::Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Login(login::LoginArgs),
    /// Ends the session and forgets the kept login
    Logout,
    /// Shows who the token stands for
    Whoami,
    Passwd(sessions::PasswdArgs),
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    #[command(subcommand)]
    TwoFactor(two_factor::TwoFactorCommand),
    New(author::NewArgs),
    Sdk(author::SdkArgs),
    Toolchain(author::ToolchainArgs),
    Build(author::BuildArgs),
    Component(author::ComponentArgs),
    Check(author::CheckArgs),
    Publish(publish::PublishArgs),
    #[command(subcommand)]
    Plugins(plugins::PluginsCommand),
    #[command(subcommand)]
    SigningKeys(signing_keys::SigningKeysCommand),
    #[command(subcommand)]
    Review(review::ReviewCommand),
    Approve(review::ApproveArgs),
    Marketplace(marketplace::MarketplaceArgs),
    Install(install::InstallArgs),
    #[command(subcommand)]
    Installs(installs::InstallsCommand),
    #[command(subcommand)]
    Connections(connections::ConnectionsCommand),
    Import(import::ImportArgs),
    #[command(subcommand)]
    Imports(imports::ImportsCommand),
    Accounts(accounts::AccountsArgs),
    #[command(subcommand)]
    Sources(sources::SourcesCommand),
    Partner(partner::PartnerArgs),
    Runs(runs::RunsArgs),
    Logs(runs::LogsArgs),
    Replay(runs::ReplayArgs),
    Deliveries(deliveries::DeliveriesArgs),
    #[command(subcommand)]
    Support(support::SupportCommand),
    Inbox(inbox::InboxArgs),
    Audit(audit::AuditArgs),
    #[command(subcommand)]
    Orgs(orgs::OrgsCommand),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    AdminToken(keys::AdminTokenArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Migrate(backup::MigrateArgs),
    Erase(erase::EraseArgs),
    Api(api::ApiArgs),
    Doctor(doctor::DoctorArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    /// Prints the API's description (OpenAPI 3.1)
    Openapi,
    /// Compiles one component: `venn serve` starts it
    #[command(hide = true)]
    CompileChild,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    // clap itself ends with 2 where a command makes no sense.
    let cli = Cli::parse();
    if matches!(cli.command, Command::CompileChild) {
        // Before anything else: the child runs with next to nothing allowed.
        return serve::compile_child();
    }
    // It fails only if there is a provider already, and then that is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let session = Session::new(cli.global);
    match dispatch(&session, cli.command) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => report(&session, &failure),
    }
}

/// The text on stderr; with `--json` a problem document on stdout too.
fn report(session: &Session, failure: &Failure) -> ExitCode {
    // An answer that is printed already, and says what differs, is the one document.
    if session.out.json && !session.out.has_printed() {
        // What cannot be written cannot be reported better below.
        let _ = session.out.print(&failure.document());
    }
    session.out.note(failure.render(session.out.paint_err).trim_end());
    failure.exit.into()
}

fn dispatch(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(session, args),
        Command::Login(args) => login::login(session, args),
        Command::Logout => sessions::logout(session),
        Command::Whoami => login::whoami(session),
        Command::Passwd(args) => sessions::passwd(session, &args),
        Command::Sessions(command) => sessions::run(session, &command),
        Command::TwoFactor(command) => two_factor::run(session, &command),
        Command::New(args) => author::new(session, &args),
        Command::Sdk(args) => author::sdk(session, &args),
        Command::Toolchain(args) => author::toolchain(session, &args),
        Command::Build(args) => author::build(session, &args),
        Command::Component(args) => author::component(session, &args),
        Command::Check(args) => author::check(session, &args),
        Command::Publish(args) => publish::run(session, &args),
        Command::Plugins(command) => plugins::run(session, &command),
        Command::SigningKeys(command) => signing_keys::run(session, &command),
        Command::Review(command) => review::run(session, &command),
        Command::Approve(args) => review::approve(session, &args),
        Command::Marketplace(args) => marketplace::run(session, &args),
        Command::Install(args) => install::run(session, &args),
        Command::Installs(command) => installs::run(session, &command),
        Command::Connections(command) => connections::run(session, &command),
        Command::Import(args) => import::run(session, &args),
        Command::Imports(command) => imports::run(session, &command),
        Command::Accounts(args) => accounts::run(session, &args),
        Command::Sources(command) => sources::run(session, &command),
        Command::Partner(args) => partner::run(session, &args),
        Command::Runs(args) => runs::run(session, &args),
        Command::Logs(args) => runs::logs(session, &args),
        Command::Replay(args) => runs::replay(session, &args),
        Command::Deliveries(args) => deliveries::run(session, &args),
        Command::Support(command) => support::run(session, &command),
        Command::Inbox(args) => inbox::run(session, &args),
        Command::Audit(args) => audit::run(session, &args),
        Command::Orgs(command) => orgs::run(session, &command),
        Command::Keys(command) => keys::run(session, &command),
        Command::AdminToken(args) => keys::admin_token(session, &args),
        Command::Backup(args) => backup::backup(session, &args),
        Command::Restore(args) => backup::restore(session, &args),
        Command::Migrate(args) => backup::migrate(session, &args),
        Command::Erase(args) => erase::run(session, &args),
        Command::Api(args) => api::run(session, &args),
        Command::Doctor(args) => doctor::run(session, &args),
        Command::Completions(args) => shell::completions(session, &args),
        Command::Man(args) => shell::man(session, &args),
        Command::Openapi => session.out.print(crate::openapi::text().trim_end()),
        // Taken above, before there is a session.
        Command::CompileChild => Ok(()),
    }
}

#[cfg(test)]
mod tests;
