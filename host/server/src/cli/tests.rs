//! The command tree: what can be typed, what cannot.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use super::*;

fn refused(line: &str) -> ErrorKind {
    Cli::try_parse_from(line.split(' ')).unwrap_err().kind()
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn what_people_who_log_in_type_can_be_typed() {
    for line in [
        "venn login --email bob@acme.example --org acme",
        "venn login --email bob@acme.example --org acme --code 123456",
        "venn two-factor show",
        "venn two-factor set-up",
        "venn two-factor confirm",
        "venn two-factor remove",
        "venn orgs two-factor --demand",
        "venn orgs two-factor --optional",
        "venn orgs members --reset-two-factor bob@acme.example --yes",
        "venn logout",
        "venn passwd",
        "venn passwd --invitation",
        "venn support grant eu --to publisher --thing runs --thing logs --hours 8 --reason slow",
        "venn support list --received",
        "venn support revoke sup_1",
        "venn sessions list",
        "venn sessions end tok_1",
        "venn orgs members --invite bob@acme.example --yes",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a line for each command, and nothing else")]
fn what_the_handbook_types_can_be_typed() {
    for line in [
        "venn serve --listen 127.0.0.1:0 --data d --override api.hubapi.com=127.0.0.1:9 --override-ca ca.pem --log-format json",
        "venn login --server http://127.0.0.1:8080 --token-file .venn/admin.token --profile platform",
        "venn login --server http://127.0.0.1:8080 --token venn_x_y",
        "venn serve --data d --database postgres://venn:pw@db.example/venn",
        "venn backup --data d --without-keys backup",
        "venn restore backup --data d",
        "venn migrate --data d --check",
        "venn migrate --database postgres://venn@db.example/venn",
        "venn keys rotate --data d --json",
        "venn keys replace-lost --data d --yes",
        "venn admin-token --data d --days 30",
        "venn erase organization globex --data d --yes",
        "venn erase person bob@acme.example --of acme --data d",
        "venn erase again lost/erased.jsonl --data d",
        "venn doctor --data d --database postgres://venn@db.example/venn",
        "venn whoami --json",
        "venn serve --behind-proxy 10.0.0.0/8 --behind-proxy ::1/128",
        "venn new deal-notes",
        "venn new deal-notes --language typescript --dir there",
        "venn sdk",
        "venn sdk plugins/deal-notes",
        "venn toolchain python",
        "venn build . --features broken,other --out dist --set-version 0.1.1",
        "venn build tests/guests --examples --out dist",
        "venn component core.wasm -o plugin.wasm",
        "venn check example-plugins/crm-tasks",
        "venn check --manifest venn.toml --component plugin.wasm",
        "venn check --component plugin.wasm",
        "venn publish example-plugins/crm-tasks",
        "venn publish --manifest m.json --component c.wasm",
        "venn publish --signing-key key.pem",
        "venn signing-keys list",
        "venn audit --action grant. --actor usr_1 --from 2026-01-01T00:00:00Z --all",
        "venn audit --actor ann@acme.example",
        "venn audit export --out audit.jsonl",
        "venn audit verify",
        "venn audit verify --file audit.jsonl",
        "venn signing-keys add --endorse-with old.pem",
        "venn signing-keys rotate --name laptop",
        "venn signing-keys revoke sgk_1 --because compromised --since 2026-01-01T00:00:00Z",
        "venn review list",
        "venn review refuse rel_1 --reason no",
        "venn review narrow crm-tasks --deny timeline:write --deny api.hubapi.com --yes",
        "venn approve crm-tasks@0.1.0 --deny timeline:write --deny their-owner --reason fine",
        "venn install crm-tasks --name eu --partner globex --population customers --field our-name --host api.hubapi.com --config {} --connection crm=hubspot --enable --yes",
        "venn install crm-tasks --name eu --grant grant.json",
        "venn import list.csv --mode replace --stages VIP=key-accounts --columns @map.json --org acme --yes",
        "venn accounts --population customers",
        "venn accounts list --q acme --limit 5",
        "venn accounts show acc_1",
        "venn partner",
        "venn partner --all",
        "venn partner propose globex",
        "venn partner accept acme",
        "venn partner rules globex --set customers:overlaps:egress:name --set prospects:counts",
        "venn partner matrix globex",
        "venn partner overlaps globex --our-population customers --all",
        "venn partner overlap globex ovl_1",
        "venn partner unpaired globex",
        "venn partner why-not globex acc_1",
        "venn partner pair globex acc_1 acc_2 --decision confirm",
        "venn installs check eu",
        "venn installs grant eu --set @grant.json",
        "venn installs grant eu --partner initech --without-population prospects --without-field their-owner --without-host api.hubapi.com --without-capability timeline:write",
        "venn installs backfill eu --partner globex",
        "venn connections add hubspot --host api.hubapi.com --secret-file key",
        "venn connections rotate hubspot",
        "venn runs",
        "venn runs --ending trap",
        "venn runs show run_1",
        "venn deliveries",
        "venn deliveries --install eu --state parked",
        "venn deliveries redeliver dlv_1",
        "venn deliveries discard dlv_1 --reason twice",
        "venn logs run_1 --transcript",
        "venn replay run_1",
        "venn inbox --incidents",
        "venn audit --action grant",
        "venn orgs create acme --customer --admin-email a@acme.example",
        "venn orgs tokens --create ci --scope read --scope publish --days 30",
        "venn keys rotate --data .venn",
        "venn plugins list",
        "venn plugins show crm-tasks",
        "venn plugins releases crm-tasks --all",
        "venn plugins release crm-tasks@0.1.0",
        "venn marketplace",
        "venn marketplace --category crm",
        "venn marketplace list --category crm --q tasks",
        "venn marketplace show crm-tasks",
        "venn imports list",
        "venn imports confirm imp_1",
        "venn orgs show acme",
        "venn orgs usage --call account-list --limit 5",
        "venn api organizations/{org}/runs?limit=5",
        "venn api me -X GET",
        "venn doctor --data .venn",
        "venn completions zsh",
        "venn man --to man",
        "venn compile-child",
    ] {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(refused("venn import list.csv"), ErrorKind::MissingRequiredArgument);
    assert_eq!(refused("venn import list.csv --mode overwrite"), ErrorKind::InvalidValue);
    assert_eq!(refused("venn publish --manifest m.json"), ErrorKind::MissingRequiredArgument);
    assert_eq!(refused("venn check . --manifest m.json"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("venn login --token a --token-file b"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("venn partner rules globex --set customers"), ErrorKind::ValueValidation);
    assert_eq!(refused("venn serve --override api.hubapi.com"), ErrorKind::ValueValidation);
    assert_eq!(refused("venn accounts --all --cursor x"), ErrorKind::ArgumentConflict);
    assert_eq!(
        refused("venn connections add hubspot --host h --secret s"),
        ErrorKind::UnknownArgument
    );
    assert_eq!(refused("venn installs grant eu"), ErrorKind::MissingRequiredArgument);
    assert_eq!(
        refused("venn installs grant eu --set {} --partner globex"),
        ErrorKind::ArgumentConflict
    );
    assert_eq!(refused("venn plugins release crm-tasks"), ErrorKind::ValueValidation);
    assert_eq!(refused("venn review narrow crm-tasks"), ErrorKind::MissingRequiredArgument);
    assert_eq!(refused("venn api me -X BREW"), ErrorKind::ValueValidation);
    assert_eq!(refused("venn orgs members --role user"), ErrorKind::MissingRequiredArgument);
    assert_eq!(
        refused("venn orgs members --change a@b.example"),
        ErrorKind::MissingRequiredArgument
    );
    assert_eq!(refused("venn completions csh"), ErrorKind::InvalidValue);
    assert_eq!(refused("venn frobnicate"), ErrorKind::InvalidSubcommand);
}

#[test]
fn a_value_of_a_closed_set_is_refused_with_the_set_and_a_time_with_an_example() {
    for (line, said) in [
        (
            "venn connections add hubspot --host h --kind oauth",
            "error: invalid value 'oauth' for '--kind <KIND>'\n  [possible values: api-key, basic, client-credentials]\n",
        ),
        (
            "venn orgs members --add a@b.example --role boss",
            "error: invalid value 'boss' for '--role <ROLE>'\n  [possible values: admin, developer, user, support]\n",
        ),
        (
            "venn orgs tokens --create ci --scope all",
            "error: invalid value 'all' for '--scope <SCOPE>'\n  [possible values: read, write, publish, admin]\n",
        ),
        (
            "venn runs list --ending well",
            "error: invalid value 'well' for '--ending <ENDING>'\n  [possible values: ok, fault, trap, limit, host-failed, refused]\n",
        ),
        (
            "venn audit --from yesterday",
            "error: invalid value 'yesterday' for '--from <TIME>': expected a time as in 2026-11-22T00:00:00Z (RFC 3339)\n",
        ),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn help_has_the_exit_codes_and_hides_the_child() {
    let help = Cli::command().render_help().to_string();
    assert!(help.contains("  8  the run, check or replay failed, or differs"), "{help}");
    assert!(!help.contains("compile-child"), "{help}");
}
