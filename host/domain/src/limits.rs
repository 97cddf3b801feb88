//! The one table of limits. Documents, errors and tests derive from it.
//!
//! To add one: a constant with its unit and reason, and a line in [`TABLE`].

/// One published limit.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Stable name, for example `run.cpu`.
    pub name: &'static str,
    /// The number.
    pub value: u64,
    /// The unit.
    pub unit: &'static str,
    /// Why this number.
    pub why: &'static str,
}

macro_rules! limits {
    ($($name:ident: $type:ty = $value:expr, $key:literal, $unit:literal, $why:literal;)*) => {
        $(#[doc = concat!($why, " Unit: ", $unit, ".")] pub const $name: $type = $value;)*
        /// Every limit, in the order of the documents.
        pub const TABLE: &[Limit] = &[
            $(Limit { name: $key, value: $name as u64, unit: $unit, why: $why },)*
        ];
    };
}

/// The name of [`DELIVERY_STEPS`].
pub const STEPS: &str = "delivery.steps";

/// The name of [`EVENT_LOOP`].
pub const LOOP: &str = "event.loop";

limits! {
    RUN_CPU_MS: u64 = 200, "run.cpu", "ms", "Hundreds of times what reading 1,000 overlaps takes.";
    RUN_CPU_MS_MAX: u64 = 5_000, "run.cpu.max", "ms", "The most that a manifest may ask for.";
    RUN_WALL_MS: u64 = 10_000, "run.wall", "ms", "A run that waits longer should ask for another one.";
    RUN_WALL_MS_MAX: u64 = 60_000, "run.wall.max", "ms", "The most that a manifest may ask for; below the lease.";
    INSTALL_RUNS: u64 = 1, "install.runs", "runs", "At work at once for one install: what a plugin keeps is simple to keep one after the other.";
    INSTALL_RUNS_MAX: u64 = 16, "install.runs.max", "runs", "The most that a manifest may ask for; a quarter of what a server works on.";
    SCHEDULES: usize = 8, "manifest.schedules", "schedules", "A person reads them; one run can do several things.";
    WEBHOOKS: usize = 8, "manifest.webhooks", "webhooks", "A person reads them; one carries all kinds of calls of its sender.";
    ACTIONS: usize = 16, "manifest.actions", "actions", "A person chooses among them; one takes a text and named values.";
    SCHEDULE_SPREAD_S_MAX: u64 = 3_600, "schedule.spread", "s", "Later than this is another time.";
    CHECK_WALL_MS: u64 = 5_000, "check.wall", "ms", "A person waits for the answer.";
    RUN_MEMORY_BYTES: u64 = 64 << 20, "run.memory", "bytes", "Python needs 16 MiB, the most of all guest languages tried.";
    RUN_TABLE_ELEMENTS: u64 = 20_000, "run.table", "elements", "Several times the largest table of a JavaScript component.";
    RUN_HOSTCALL_BYTES: u64 = 4 << 20, "run.hostcall", "bytes", "Copied in one host call, apart from HTTP bodies.";
    RUN_HANDLES: u64 = 2_000, "run.handles", "handles", "Twenty times what a busy client library holds.";
    RUN_HOST_CALLS: u64 = 100_000, "run.calls", "calls", "A page of 1,000 overlaps is one call.";
    RUN_HTTP_CALLS: u64 = 500, "run.http.calls", "calls", "Longer work is several runs.";
    RUN_HTTP_SENT_BYTES: u64 = 32 << 20, "run.http.sent", "bytes", "Bodies of all calls; half of what a tape holds.";
    RUN_HTTP_RECEIVED_BYTES: u64 = 48 << 20, "run.http.received", "bytes", "Bodies of all answers; the run is told before its tape is full.";
    RUN_HTTP_FAILED_DIALS: u64 = 20, "run.http.failed-dials", "connections", "A service that is down stays down for one run.";
    RUN_LOG_LINES: u64 = 256, "run.log.lines", "lines", "The rest is counted as dropped.";
    RUN_LOG_LINE_BYTES: u64 = 4 << 10, "run.log.line", "bytes", "A longer line is cut.";
    SCRATCH_BYTES: u64 = 16 << 20, "scratch.bytes", "bytes", "All files of one run; a quarter of its memory.";
    SCRATCH_BYTES_MAX: u64 = 256 << 20, "scratch.bytes.max", "bytes", "The most that a manifest may ask for; sixty-four runs at once take 16 GiB.";
    SCRATCH_FILES: u64 = 256, "scratch.files", "files", "And directories, of one run: what a program unpacks or sorts.";
    SCRATCH_FILES_MAX: u64 = 4_096, "scratch.files.max", "files", "The most that a manifest may ask for; all are removed when the run ends.";
    SCRATCH_NAME_BYTES: u64 = 255, "scratch.name", "bytes", "Of one file or directory, as everywhere.";
    SCRATCH_PATH_BYTES: u64 = 4 << 10, "scratch.path", "bytes", "In one call, as everywhere.";
    RUN_RANDOM_BYTES: u64 = 64 << 10, "run.random", "bytes", "In one call.";
    HTTP_BODY_BYTES: u64 = 5 << 20, "http.body", "bytes", "Each way; bodies are buffered.";
    HTTP_ANSWER_BYTES: u64 = 8 << 20, "http.answer", "bytes", "All of an answer on the wire: body, header fields, framing.";
    HTTP_FIELDS_BYTES: u64 = 32 << 10, "http.fields", "bytes", "All header fields of one message.";
    HTTP_CONNECT_MS: u64 = 5_000, "http.connect", "ms", "A healthy service accepts in a fraction.";
    HTTP_FIRST_BYTE_MS: u64 = 30_000, "http.first-byte", "ms", "Slow reports exist; slower ones are jobs.";
    HTTP_TOTAL_MS: u64 = 30_000, "http.total", "ms", "Whole call, so that a byte now and then cannot hold it open.";
    HTTP_AT_ONCE_RUN: u64 = 6, "http.at-once.run", "calls", "What browsers allow to one origin.";
    HTTP_AT_ONCE_INSTALL: u64 = 16, "http.at-once.install", "calls", "Keeps one customer's storm from a vendor's rate limit.";
    HTTP_AT_ONCE_ORGANIZATION: u64 = 64, "http.at-once.organization", "calls", "A share of the node.";
    HTTP_AT_ONCE_PLUGIN: u64 = 256, "http.at-once.plugin", "calls", "A quarter of the node's descriptors.";
    TOKEN_EARLY_MS: u64 = 120_000, "token.early", "ms", "A connection's token is renewed so long before its end, or a quarter of a short life.";
    TOKEN_CALL_MS: u64 = 10_000, "token.call", "ms", "Whole call of a token endpoint; a run waits for it.";
    TOKEN_LEASE_MS: u64 = 30_000, "token.lease", "ms", "For which only one process renews a connection's token; three such calls.";
    TOKEN_AGAIN_MS: u64 = 60_000, "token.again", "ms", "A 401 so shortly after a token came has another cause than its age.";
    CONNECT_MS: u64 = 10 * 60 * 1_000, "connect", "ms", "From the link to the service's page until the connection is made.";
    CONNECT_TRIES: u64 = 5, "connect.tries", "words", "Wrong words that end a link; the right one has 40 random bits.";
    CREDENTIAL_OVERLAP_MS: u64 = 24 * 60 * 60 * 1_000, "credential.overlap", "ms", "For which a publisher's credential before the last one is good, too, unless said otherwise.";
    CREDENTIAL_OVERLAP_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000, "credential.overlap.max", "ms", "Two secrets are twice the risk.";
    HTTP_IDLE_MS: u64 = 4_000, "http.idle", "ms", "For which a connection waits for another call; common servers hang up after five seconds.";
    HTTP_IDLE: u64 = 256, "http.idle.connections", "connections", "That wait, all together; as many as one plugin may use at once.";
    HTTP_CALLS_INSTALL: u64 = 6_000, "http.calls.install", "calls a minute", "A hundred a second; vendors allow about ten.";
    HTTP_CALLS_ORGANIZATION: u64 = 24_000, "http.calls.organization", "calls a minute", "Four installs at their limit.";
    HTTP_CALLS_PLUGIN: u64 = 120_000, "http.calls.plugin", "calls a minute", "Twenty installs at their limit.";
    HTTP_SENT_INSTALL: u64 = 2 << 30, "http.sent.install", "bytes a day", "A million tasks of two kilobytes.";
    HTTP_SENT_ORGANIZATION: u64 = 8 << 30, "http.sent.organization", "bytes a day", "Four installs at their limit.";
    HTTP_SENT_PLUGIN: u64 = 64 << 30, "http.sent.plugin", "bytes a day", "Thirty-two installs at their limit.";
    HTTP_RECEIVED_INSTALL: u64 = 8 << 30, "http.received.install", "bytes a day", "A CRM of a million records, read several times over.";
    HTTP_RECEIVED_ORGANIZATION: u64 = 32 << 30, "http.received.organization", "bytes a day", "Four installs at their limit.";
    HTTP_RECEIVED_PLUGIN: u64 = 256 << 30, "http.received.plugin", "bytes a day", "Thirty-two installs at their limit.";
    HTTP_FAILED_DIALS_INSTALL: u64 = 60, "http.failed-dials.install", "connections a minute", "One a second finds out that a service is down; more is a scan.";
    HTTP_FAILED_DIALS_ORGANIZATION: u64 = 240, "http.failed-dials.organization", "connections a minute", "Four installs at their limit.";
    HTTP_FAILED_DIALS_PLUGIN: u64 = 6_000, "http.failed-dials.plugin", "connections a minute", "A vendor that is down fails all its installs at once.";
    WEBHOOK_BODY_BYTES: u64 = 1 << 20, "webhook.body", "bytes", "Of one call; what vendors send has some kilobytes.";
    WEBHOOK_CALLS_INSTALL: u64 = 600, "webhook.calls.install", "calls a minute", "Of good calls, for one install; ten a second, and a burst of a minute's.";
    WEBHOOK_CALLS_ORGANIZATION: u64 = 1_200, "webhook.calls.organization", "calls a minute", "Two installs at their limit, and a fifth of what a plugin has for all.";
    WEBHOOK_CALLS_PLUGIN: u64 = 6_000, "webhook.calls.plugin", "calls a minute", "Ten installs at their limit.";
    WEBHOOK_WAITING: u64 = 10_000, "webhook.waiting", "calls", "Taken and not finished, of one install; the sender keeps what is more, and tries again.";
    WEBHOOK_WAITING_BYTES: u64 = 64 << 20, "webhook.waiting.bytes", "bytes", "Of their payloads; six kilobytes for each of the most calls.";
    WEBHOOK_ANSWER_MS: u64 = 2_500, "webhook.answer", "ms", "For which a call waits for the plugin's answer; chat services give three seconds.";
    WEBHOOK_REMEMBERED_MS: u64 = 7 * 24 * 60 * 60 * 1_000, "webhook.remembered", "ms", "The same event is taken once; senders try again for three days at most.";
    WEBHOOK_WINDOW_MS: i64 = 5 * 60 * 1_000, "webhook.window", "ms", "How far a signature's time may be from ours; the window of Standard Webhooks, Slack and HubSpot.";
    WEBHOOK_SECRET_MIN: usize = 16, "webhook.secret.min", "bytes", "128 random bits.";
    WEBHOOK_SECRET_BYTES: usize = 512, "webhook.secret", "bytes", "Several times what any sender makes.";
    STATE_VALUE_BYTES: u64 = 64 << 10, "state.value", "bytes", "State is for cursors and small maps.";
    STATE_KEY_BYTES: u64 = 512, "state.key", "bytes", "Fits an index entry.";
    STATE_KEYS: u64 = 10_000, "state.keys", "keys", "Per install; larger maps belong to the third party.";
    STATE_BYTES: u64 = 16 << 20, "state.bytes", "bytes", "All values of one install; a million installs must fit a disk.";
    ACCOUNTS_BATCH: u64 = 500, "accounts.batch", "rows", "In one call of a source.";
    ACCOUNTS_RUN: u64 = 5_000, "accounts.run", "rows", "Ten full calls: what one transaction writes without holding up others.";
    ACCOUNTS_RUN_BYTES: u64 = 16 << 20, "accounts.run.bytes", "bytes", "Three kilobytes for each of the most rows.";
    ACCOUNTS_SOURCE: u64 = 1_000_000, "accounts.source", "accounts", "Kept by one source: as many as a list has rows.";
    ACCOUNTS_EXTRA: u64 = 50, "accounts.extra", "values", "Further values of one account: what people look at, not the whole CRM.";
    TIMELINE_BATCH: u64 = 500, "timeline.batch", "entries", "In one call.";
    TIMELINE_TEXT_BYTES: u64 = 2 << 10, "timeline.text", "bytes", "A fact, not a document.";
    PAGE_ITEMS: u64 = 1_000, "page.items", "items", "The most in one page of a plugin's query.";
    REPORT_SUMMARY_BYTES: u64 = 1 << 10, "report.summary", "bytes", "One line for people; longer ones are cut.";
    REPORT_ANSWER_BYTES: u64 = 1 << 20, "report.answer", "bytes", "A reply to a slash command or button.";
    COMPONENT_BYTES: u64 = 32 << 20, "release.component", "bytes", "A Python component has 19 MB.";
    MANIFEST_BYTES: u64 = 256 << 10, "release.manifest", "bytes", "With FAQ texts and a schema.";
    CONFIG_BYTES: u64 = 64 << 10, "config.bytes", "bytes", "As JSON: a form that people fill in, and a table of some hundred rows.";
    CONFIG_WORK: u64 = 1_000_000, "config.work", "comparisons", "Values of a schema times values of a configuration: five hundred times two thousand.";
    SIGNATURE_BYTES: u64 = 4 << 10, "release.signature", "bytes", "A statement of six lines and a signature, generously.";
    COMPILE_MEMORY_BYTES: u64 = 1 << 30, "compile.memory", "bytes", "A JavaScript component takes 390 MB.";
    COMPILE_CPU_MS: u64 = 60_000, "compile.cpu", "ms", "A JavaScript component takes 12 s.";
    COMPILE_WALL_MS: u64 = 300_000, "compile.wall", "ms", "Five times the CPU limit: that a machine is busy is not the upload's fault.";
    IMPORT_FILE_BYTES: u64 = 512 << 20, "import.file", "bytes", "A million rows of half a kilobyte.";
    IMPORT_ROWS: u64 = 1_000_000, "import.rows", "rows", "The largest CRM that we have measured mapping for.";
    IMPORT_CELL_BYTES: u64 = 64 << 10, "import.cell", "bytes", "A longer cell is not a name or an address.";
    IMPORT_RECORD_BYTES: u64 = 1 << 20, "import.record", "bytes", "Bounds what an unclosed quote can swallow.";
    IMPORT_PROBLEMS: u64 = 100, "import.problems", "problems", "Listed one by one; the rest is counted.";
    REPLACE_REMOVES_PERCENT: u64 = 20, "import.replace.removes", "percent", "A replace or a sync that removes more waits for a yes.";
    IMPORT_EXTRA: usize = 500, "import.extra", "columns", "Named as further values in one import: more than people look at.";
    SHARING_FIELDS: usize = 500, "sharing.fields", "fields", "Of one sharing rule: as many as one import brings.";
    GRANT_ENTRIES: usize = 1_000, "grant.entries", "entries", "In each list of a grant: partnerships, populations, fields, hosts.";
    API_BODY_BYTES: u64 = 1 << 20, "api.body", "bytes", "JSON bodies; uploads have limits of their own.";
    API_PAGE_ITEMS: u64 = 200, "api.page.items", "items", "The most in one page of the REST API.";
    API_CALLS: u64 = 6_000, "api.calls", "calls", "Of one token or session in a minute, at once or evenly; `venn serve --calls-a-minute` sets another number.";
    PROOF_BYTES: u64 = 64 << 10, "proof.page", "bytes", "The page that shows a publisher's domain: one line is asked for.";
    PROOF_MS: u64 = 10_000, "proof.wait", "ms", "Whole call to that page; a person waits for the answer.";
    SESSION_MS: u64 = 12 * 60 * 60 * 1_000, "session", "ms", "A working day; then one logs in again.";
    INVITATION_MS: u64 = 3 * 24 * 60 * 60 * 1_000, "invitation", "ms", "A weekend; an admin makes another one.";
    PASSWORD_CHARS_MIN: usize = 12, "password.chars", "characters", "The fewest; length is what guessing costs.";
    PASSWORD_DISTINCT_MIN: usize = 5, "password.distinct", "characters", "The fewest that differ; fewer are a key held down.";
    PASSWORD_BYTES: usize = 256, "password.bytes", "bytes", "A sentence, and no work for the one who checks it.";
    RECOVERY_CODES: usize = 10, "recovery.codes", "codes", "A sheet of paper; each is used once.";
    TOKEN_DAYS: u32 = 90, "token.days", "days", "Of an API token, unless said otherwise; a quarter.";
    TOKEN_DAYS_MAX: u32 = 365, "token.days.max", "days", "Who has used none in a year has lost it.";
    SUPPORT_HOURS: u32 = 14 * 24, "support.hours", "hours", "Of one leave to look; two weeks, the longest that a case is worked on.";
    REASON_CHARS: usize = 2_000, "reason", "characters", "Of a reviewer's decision; a page, not a report.";
    COUNT_FLOOR: u64 = 5, "count.floor", "accounts", "Smaller counts are not told where only counts are shared, as statistical offices do; `venn serve --count-floor` sets more.";
    LOGIN_FAILURES: u64 = 30, "login.failures", "failures", "From one address in `login.failures.period`, whoever is tried, and from all known browsers of one account together; those who have logged in from there are not counted with others.";
    LOGIN_FAILURES_MS: u64 = 10 * 60 * 1_000, "login.failures.period", "ms", "A mistyped password in an office is forgotten over a coffee.";
    API_USAGE_DAYS: u64 = 90, "api.usage", "days", "A quarter tells what still uses a call; older counts are dropped.";
    DELIVERY_ATTEMPTS: u64 = 8, "delivery.attempts", "attempts", "About 28 hours with back-off.";
    DELIVERY_STEPS: u64 = 100_000, "delivery.steps", "runs", "Of one chain of `again`; a million overlaps in pages of 1,000 are a thousand.";
    TAPE_DAYS: u64 = 30, "retention.tape", "days", "What a plugin was told stands in it; a publisher's correction is tried on it within.";
    RUN_DAYS: u64 = 90, "retention.run", "days", "Runs with their logs, deliveries with their events, resolved incidents: a quarter is looked back on.";
    FAREWELL_MS: u64 = 30 * 60 * 60 * 1_000, "delivery.farewell", "ms", "All attempts of `uninstalling` or `erase`; then what they are about goes in any case.";
    EVENT_AGE_REQUEST_MS: i64 = 5 * 60 * 1_000, "event.age.request", "ms", "Not begun by then, it is given up: who got no answer has asked again.";
    EVENT_AGE_SCHEDULE_MS: i64 = 24 * 60 * 60 * 1_000, "event.age.schedule", "ms", "The same, from the time on that comes next, which does the same work; of a run that a person asked for, since then.";
    EVENT_AGE_WEBHOOK_MS: i64 = 7 * 24 * 60 * 60 * 1_000, "event.age.webhook", "ms", "The same of a call; as long as it is known if it comes again.";
    EVENT_LOOP: u64 = 8, "event.loop", "runs", "Of one install, each caused by what the one before wrote; what settles does so in two or three.";
    EVENT_ENTRIES: usize = 50, "event.entries", "entries", "Of the timeline, told in one event; a run that adds more is told in several.";
    EVENT_WAITING: u64 = 10_000, "event.waiting", "events", "Of what other plugins add to the timeline, not finished, of one install; what is more it is not told, and its customer is.";
    EVENT_WAITING_BYTES: u64 = 64 << 20, "event.waiting.bytes", "bytes", "Of their payloads; six kilobytes for each of the most events.";
    LEASE_MS: u64 = 90_000, "delivery.lease", "ms", "Longer than the longest run.";
    OPEN_INCIDENTS: u64 = 20, "incident.open", "incidents", "Of one install; what fails in yet another way is one more in all, by class.";
    BREAKER_FAILURES: u64 = 5, "breaker.failures", "runs", "In a row, then an install rests: more than chance, fewer than an event has attempts.";
    BREAKER_PAUSE_MS: u64 = 60_000, "breaker.pause", "ms", "Until the first probe; what is restarted is back by then. It doubles.";
    BREAKER_PAUSE_MS_MAX: u64 = 30 * 60 * 1_000, "breaker.pause.max", "ms", "Between probes: what was mended is noticed within that time.";
    STILL_RUNS: u64 = 20, "still.runs", "runs", "In a row that end well and get nowhere: no page of anything takes so many.";
    SILENCE_GAPS: u64 = 3, "silence.gaps", "gaps", "As many of an install's longest gaps without a run are a silence.";
    SILENCE_MS_MIN: u64 = 60 * 60 * 1_000, "silence.min", "ms", "A shorter one is none: somebody restarts something.";
    SILENCE_RUNS: u64 = 10, "silence.runs", "runs", "The fewest that say how often an install runs.";
    SILENCE_LOOK_MS: u64 = 10 * 60 * 1_000, "silence.look", "ms", "How often installs are looked at for it.";
}
