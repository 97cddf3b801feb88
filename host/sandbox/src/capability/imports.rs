//! The audit table: everything that a component may import, and why each may
//! stand there. A test asks the linker for every function of every interface
//! that the engine or the contract knows, and fails on one that is linked and
//! not in this table, or is in it and not linked. `docs/imports.md` is this
//! table.
use std::fmt::Write as _;

/// What stands behind an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Does something, if everyone who is asked allows this capability.
    Capability(&'static str),
    /// There because language runtimes import it, and does nothing.
    Denied,
    /// Touches nothing but the run itself.
    Harmless,
}

/// One interface with what is linked of it.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// With its version, as the linker has it.
    pub interface: &'static str,
    /// Functions and resources by their names in the component model.
    pub items: &'static [&'static str],
    /// What stands behind it.
    pub verdict: Verdict,
    /// Why that may be.
    pub why: &'static str,
}

/// Everything that is linked.
pub const IMPORTS: &[Import] = &[
    Import {
        interface: "venn:plugin/overlaps@0.1.0",
        items: &["find", "lookup", "counts", "changes"],
        verdict: Verdict::Capability("overlaps:read"),
        why: "Each call asks the authority, then reads under the live sharing rules.",
    },
    Import {
        interface: "venn:plugin/accounts@0.1.0",
        items: &["upsert", "remove"],
        verdict: Verdict::Capability("accounts:write"),
        why: "Writes are kept until the run ends well, and only in granted populations.",
    },
    Import {
        interface: "venn:plugin/timeline@0.1.0",
        items: &["append"],
        verdict: Verdict::Capability("timeline:write"),
        why: "Entries are kept until the run ends well.",
    },
    Import {
        interface: "venn:plugin/state@0.1.0",
        items: &["get", "set", "remove", "keys"],
        verdict: Verdict::Capability("state"),
        why: "The install's own values, apart for each partnership.",
    },
    Import {
        interface: "venn:plugin/http@0.1.0",
        items: &["send"],
        verdict: Verdict::Capability("http:egress"),
        why: "Ends in the one guard of the way out.",
    },
    Import {
        interface: "wasi:http/types@0.2.12",
        items: &[
            "fields",
            "[constructor]fields",
            "[static]fields.from-list",
            "[method]fields.get",
            "[method]fields.has",
            "[method]fields.set",
            "[method]fields.delete",
            "[method]fields.append",
            "[method]fields.entries",
            "[method]fields.clone",
            "incoming-request",
            "[method]incoming-request.method",
            "[method]incoming-request.path-with-query",
            "[method]incoming-request.scheme",
            "[method]incoming-request.authority",
            "[method]incoming-request.headers",
            "[method]incoming-request.consume",
            "outgoing-request",
            "[constructor]outgoing-request",
            "[method]outgoing-request.body",
            "[method]outgoing-request.method",
            "[method]outgoing-request.set-method",
            "[method]outgoing-request.path-with-query",
            "[method]outgoing-request.set-path-with-query",
            "[method]outgoing-request.scheme",
            "[method]outgoing-request.set-scheme",
            "[method]outgoing-request.authority",
            "[method]outgoing-request.set-authority",
            "[method]outgoing-request.headers",
            "request-options",
            "[constructor]request-options",
            "[method]request-options.connect-timeout",
            "[method]request-options.set-connect-timeout",
            "[method]request-options.first-byte-timeout",
            "[method]request-options.set-first-byte-timeout",
            "[method]request-options.between-bytes-timeout",
            "[method]request-options.set-between-bytes-timeout",
            "response-outparam",
            "[static]response-outparam.set",
            "incoming-response",
            "[method]incoming-response.status",
            "[method]incoming-response.headers",
            "[method]incoming-response.consume",
            "incoming-body",
            "[method]incoming-body.stream",
            "[static]incoming-body.finish",
            "future-trailers",
            "[method]future-trailers.subscribe",
            "[method]future-trailers.get",
            "outgoing-response",
            "[constructor]outgoing-response",
            "[method]outgoing-response.status-code",
            "[method]outgoing-response.set-status-code",
            "[method]outgoing-response.headers",
            "[method]outgoing-response.body",
            "outgoing-body",
            "[method]outgoing-body.write",
            "[static]outgoing-body.finish",
            "future-incoming-response",
            "[method]future-incoming-response.subscribe",
            "[method]future-incoming-response.get",
            "http-error-code",
        ],
        verdict: Verdict::Capability("http:egress"),
        why: "Builds messages; header names are under the same rules, and nothing is sent here.",
    },
    Import {
        interface: "wasi:http/outgoing-handler@0.2.12",
        items: &["handle"],
        verdict: Verdict::Capability("http:egress"),
        why: "Ends in the one guard of the way out.",
    },
    Import {
        interface: "venn:plugin/config@0.1.0",
        items: &["get"],
        verdict: Verdict::Harmless,
        why: "The install's own configuration; no secrets are in it.",
    },
    Import {
        interface: "venn:plugin/log@0.1.0",
        items: &["write"],
        verdict: Verdict::Harmless,
        why: "The run's own log, with limits on lines and bytes.",
    },
    Import {
        interface: "venn:plugin/host@0.1.0",
        items: &["info", "last-denial"],
        verdict: Verdict::Harmless,
        why: "The run's own names, and its own newest denial.",
    },
    Import {
        interface: "wasi:clocks/monotonic-clock@0.2.12",
        items: &["now", "resolution", "subscribe-instant", "subscribe-duration"],
        verdict: Verdict::Harmless,
        why: "Taped, and to the millisecond: too coarse to time caches.",
    },
    Import {
        interface: "wasi:clocks/wall-clock@0.2.12",
        items: &["now", "resolution"],
        verdict: Verdict::Harmless,
        why: "Taped, and to the millisecond.",
    },
    Import {
        interface: "wasi:random/random@0.2.12",
        items: &["get-random-bytes", "get-random-u64"],
        verdict: Verdict::Harmless,
        why: "Taped; at most 64 KiB a call.",
    },
    Import {
        interface: "wasi:random/insecure@0.2.12",
        items: &["get-insecure-random-bytes", "get-insecure-random-u64"],
        verdict: Verdict::Harmless,
        why: "The same good bytes as `random`.",
    },
    Import {
        interface: "wasi:random/insecure-seed@0.2.12",
        items: &["insecure-seed"],
        verdict: Verdict::Harmless,
        why: "The same good bytes as `random`.",
    },
    Import {
        interface: "wasi:io/error@0.2.12",
        items: &["error", "[method]error.to-debug-string"],
        verdict: Verdict::Harmless,
        why: "Texts of the guest's own streams.",
    },
    Import {
        interface: "wasi:io/poll@0.2.12",
        items: &["pollable", "[method]pollable.ready", "[method]pollable.block", "poll"],
        verdict: Verdict::Harmless,
        why: "Waits for the guest's own things, within the run's time.",
    },
    Import {
        interface: "wasi:io/streams@0.2.12",
        items: &[
            "input-stream",
            "[method]input-stream.read",
            "[method]input-stream.blocking-read",
            "[method]input-stream.skip",
            "[method]input-stream.blocking-skip",
            "[method]input-stream.subscribe",
            "output-stream",
            "[method]output-stream.check-write",
            "[method]output-stream.write",
            "[method]output-stream.blocking-write-and-flush",
            "[method]output-stream.flush",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.subscribe",
            "[method]output-stream.write-zeroes",
            "[method]output-stream.blocking-write-zeroes-and-flush",
            "[method]output-stream.splice",
            "[method]output-stream.blocking-splice",
        ],
        verdict: Verdict::Harmless,
        why: "The guest's own bodies, scratch files and log; there is no other stream.",
    },
    Import {
        interface: "wasi:cli/exit@0.2.12",
        items: &["exit", "exit-with-code"],
        verdict: Verdict::Harmless,
        why: "Ends the run itself, which is a fault of the plugin.",
    },
    Import {
        interface: "wasi:cli/stdin@0.2.12",
        items: &["get-stdin"],
        verdict: Verdict::Harmless,
        why: "Empty.",
    },
    Import {
        interface: "wasi:cli/stdout@0.2.12",
        items: &["get-stdout"],
        verdict: Verdict::Harmless,
        why: "The run's log.",
    },
    Import {
        interface: "wasi:cli/stderr@0.2.12",
        items: &["get-stderr"],
        verdict: Verdict::Harmless,
        why: "The run's log.",
    },
    Import {
        interface: "wasi:cli/environment@0.2.12",
        items: &["get-environment", "get-arguments", "initial-cwd"],
        verdict: Verdict::Denied,
        why: "There is no variable, argument or directory.",
    },
    Import {
        interface: "wasi:cli/terminal-input@0.2.12",
        items: &["terminal-input"],
        verdict: Verdict::Denied,
        why: "No terminal is ever handed out.",
    },
    Import {
        interface: "wasi:cli/terminal-output@0.2.12",
        items: &["terminal-output"],
        verdict: Verdict::Denied,
        why: "No terminal is ever handed out.",
    },
    Import {
        interface: "wasi:cli/terminal-stdin@0.2.12",
        items: &["get-terminal-stdin"],
        verdict: Verdict::Denied,
        why: "There is none.",
    },
    Import {
        interface: "wasi:cli/terminal-stdout@0.2.12",
        items: &["get-terminal-stdout"],
        verdict: Verdict::Denied,
        why: "There is none.",
    },
    Import {
        interface: "wasi:cli/terminal-stderr@0.2.12",
        items: &["get-terminal-stderr"],
        verdict: Verdict::Denied,
        why: "There is none.",
    },
    Import {
        interface: "wasi:filesystem/preopens@0.2.12",
        items: &["get-directories"],
        verdict: Verdict::Capability("scratch"),
        why: "One empty directory of the run's own; without the grant the list is empty.",
    },
    Import {
        interface: "wasi:filesystem/types@0.2.12",
        items: &[
            "descriptor",
            "[method]descriptor.read-via-stream",
            "[method]descriptor.write-via-stream",
            "[method]descriptor.append-via-stream",
            "[method]descriptor.advise",
            "[method]descriptor.sync-data",
            "[method]descriptor.get-flags",
            "[method]descriptor.get-type",
            "[method]descriptor.set-size",
            "[method]descriptor.set-times",
            "[method]descriptor.read",
            "[method]descriptor.write",
            "[method]descriptor.read-directory",
            "[method]descriptor.sync",
            "[method]descriptor.create-directory-at",
            "[method]descriptor.stat",
            "[method]descriptor.stat-at",
            "[method]descriptor.set-times-at",
            "[method]descriptor.link-at",
            "[method]descriptor.open-at",
            "[method]descriptor.readlink-at",
            "[method]descriptor.remove-directory-at",
            "[method]descriptor.rename-at",
            "[method]descriptor.symlink-at",
            "[method]descriptor.unlink-file-at",
            "[method]descriptor.is-same-object",
            "[method]descriptor.metadata-hash",
            "[method]descriptor.metadata-hash-at",
            "directory-entry-stream",
            "[method]directory-entry-stream.read-directory-entry",
            "filesystem-error-code",
        ],
        verdict: Verdict::Capability("scratch"),
        why: "Works on that directory and what is in it only; names and sizes are the host's own table.",
    },
    Import {
        interface: "wasi:sockets/instance-network@0.2.12",
        items: &["instance-network"],
        verdict: Verdict::Denied,
        why: "The handle is good for nothing: every use is denied.",
    },
    Import {
        interface: "wasi:sockets/network@0.2.12",
        items: &["network"],
        verdict: Verdict::Denied,
        why: "The handle is good for nothing: every use is denied.",
    },
    Import {
        interface: "wasi:sockets/ip-name-lookup@0.2.12",
        items: &[
            "resolve-address-stream",
            "[method]resolve-address-stream.resolve-next-address",
            "[method]resolve-address-stream.subscribe",
            "resolve-addresses",
        ],
        verdict: Verdict::Denied,
        why: "No name is looked up: a look-up is a message to its server.",
    },
    Import {
        interface: "wasi:sockets/tcp-create-socket@0.2.12",
        items: &["create-tcp-socket"],
        verdict: Verdict::Denied,
        why: "TCP is off.",
    },
    Import {
        interface: "wasi:sockets/tcp@0.2.12",
        items: &[
            "tcp-socket",
            "[method]tcp-socket.start-bind",
            "[method]tcp-socket.finish-bind",
            "[method]tcp-socket.start-connect",
            "[method]tcp-socket.finish-connect",
            "[method]tcp-socket.start-listen",
            "[method]tcp-socket.finish-listen",
            "[method]tcp-socket.accept",
            "[method]tcp-socket.local-address",
            "[method]tcp-socket.remote-address",
            "[method]tcp-socket.is-listening",
            "[method]tcp-socket.address-family",
            "[method]tcp-socket.set-listen-backlog-size",
            "[method]tcp-socket.keep-alive-enabled",
            "[method]tcp-socket.set-keep-alive-enabled",
            "[method]tcp-socket.keep-alive-idle-time",
            "[method]tcp-socket.set-keep-alive-idle-time",
            "[method]tcp-socket.keep-alive-interval",
            "[method]tcp-socket.set-keep-alive-interval",
            "[method]tcp-socket.keep-alive-count",
            "[method]tcp-socket.set-keep-alive-count",
            "[method]tcp-socket.hop-limit",
            "[method]tcp-socket.set-hop-limit",
            "[method]tcp-socket.receive-buffer-size",
            "[method]tcp-socket.set-receive-buffer-size",
            "[method]tcp-socket.send-buffer-size",
            "[method]tcp-socket.set-send-buffer-size",
            "[method]tcp-socket.subscribe",
            "[method]tcp-socket.shutdown",
        ],
        verdict: Verdict::Denied,
        why: "TCP is off, and every address is refused.",
    },
    Import {
        interface: "wasi:sockets/udp-create-socket@0.2.12",
        items: &["create-udp-socket"],
        verdict: Verdict::Denied,
        why: "UDP is off.",
    },
    Import {
        interface: "wasi:sockets/udp@0.2.12",
        items: &[
            "udp-socket",
            "[method]udp-socket.start-bind",
            "[method]udp-socket.finish-bind",
            "[method]udp-socket.stream",
            "[method]udp-socket.local-address",
            "[method]udp-socket.remote-address",
            "[method]udp-socket.address-family",
            "[method]udp-socket.unicast-hop-limit",
            "[method]udp-socket.set-unicast-hop-limit",
            "[method]udp-socket.receive-buffer-size",
            "[method]udp-socket.set-receive-buffer-size",
            "[method]udp-socket.send-buffer-size",
            "[method]udp-socket.set-send-buffer-size",
            "[method]udp-socket.subscribe",
            "incoming-datagram-stream",
            "[method]incoming-datagram-stream.receive",
            "[method]incoming-datagram-stream.subscribe",
            "outgoing-datagram-stream",
            "[method]outgoing-datagram-stream.check-send",
            "[method]outgoing-datagram-stream.send",
            "[method]outgoing-datagram-stream.subscribe",
        ],
        verdict: Verdict::Denied,
        why: "UDP is off, and every address is refused.",
    },
];

/// The table as `docs/imports.md` has it.
pub fn document() -> String {
    let mut out = String::from(
        "# Imports\n\nEverything that a plugin's component can import, and what stands behind it. \
         The table\nis `host/sandbox/src/capability/imports.rs`; a test compares it with what is \
         linked,\nfunction by function, and this page with it. An import that is not here is \
         refused when\nthe release is uploaded.\n\n\
         | interface | functions | behind it | why that may be |\n|---|---|---|---|\n",
    );
    for import in IMPORTS {
        let behind = match import.verdict {
            Verdict::Capability(name) => format!("`{name}`"),
            Verdict::Denied => "nothing".to_owned(),
            Verdict::Harmless => "the run itself".to_owned(),
        };
        let count = import.items.len();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}` | {count} | {behind} | {} |", import.interface, import.why);
    }
    out
}

#[cfg(test)]
mod tests;
