//! Does what it is told with files, through `wasi:filesystem` itself: no library
//! stands between, so that it can ask for what no library would. Used by the suite
//! on scratch files and the attacks 30 and 95 to 101.
//!
//! Payload or configuration: `{"files": [STEP, …]}`, names as in [`Step`]. Each
//! step gives one result, `{"ok": …}` or `{"error": "no-entry"}` with the standard
//! code; the report's answer is the list of results. A descriptor is named when it
//! is opened and kept; without a name it is the directory that was found.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use venn_guests::{
    payload, report,
    wasi::wasi::{
        clocks::wall_clock::Datetime,
        filesystem::{
            preopens,
            types::{
                Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
                filesystem_error_code,
            },
        },
        io::streams::{OutputStream, StreamError},
    },
};
use venn_sdk::{Event, Fault, Plugin, Report, config};

struct Files;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    files: Vec<Step>,
}

/// One thing to do. `at` names the directory or file that it is done with.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Step {
    /// Which: see [`Done::one`].
    r#do: String,
    at: String,
    path: String,
    to: String,
    text: String,
    /// How to open: letters of `create`, `truncate`, `x` (exclusive), `directory`,
    /// `read`, `write`.
    how: String,
    number: u64,
    /// Does it so often, with its number in place of `$n` in the path, as long as
    /// that goes well; the result is how often it did, and the error.
    times: Option<u64>,
}

/// Most bytes that a stream takes at once.
const CHUNK_BYTES: usize = 4 << 10;

#[derive(Default)]
struct Done {
    open: BTreeMap<String, Descriptor>,
    /// What nobody names, and nobody closes.
    kept: Vec<Descriptor>,
}

impl Plugin for Files {
    fn handle(event: Event) -> Result<Report, Fault> {
        let told: Payload = payload(&event);
        let steps = if told.files.is_empty() {
            config::get::<Payload>().unwrap_or_default().files
        } else {
            told.files
        };
        let mut done = Done::default();
        let found = preopens::get_directories();
        let places: Vec<_> = found.iter().map(|(_, place)| place.clone()).collect();
        for (directory, _) in found {
            done.open.insert(String::new(), directory);
        }
        let mut results = vec![json!({ "ok": places })];
        results.extend(steps.iter().map(|step| done.step(step)));
        Ok(report(&Value::Array(results)))
    }
}

fn shown(result: Result<Value, ErrorCode>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(code) => json!({ "error": code.name() }),
    }
}

impl Done {
    fn step(&mut self, step: &Step) -> Value {
        let Some(times) = step.times else { return shown(self.one(step)) };
        for number in 0..times {
            let mut one = step.clone();
            one.path = step.path.replace("$n", &number.to_string());
            if let Err(code) = self.one(&one) {
                return json!({ "times": number, "error": code.name() });
            }
        }
        json!({ "times": times })
    }

    fn one(&mut self, step: &Step) -> Result<Value, ErrorCode> {
        let Self { open, kept } = self;
        let at = open.get(&step.at).ok_or(ErrorCode::BadDescriptor)?;
        let (path, to) = (step.path.as_str(), step.to.as_str());
        let none = PathFlags::empty();
        let follow = PathFlags::SYMLINK_FOLLOW;
        match step.r#do.as_str() {
            "open" => {
                let (oflags, flags) = how(&step.how);
                let opened = at.open_at(follow, path, oflags, flags)?;
                if to.is_empty() {
                    kept.push(opened);
                } else {
                    open.insert(to.to_owned(), opened);
                }
                Ok(Value::Null)
            }
            "close" => {
                open.remove(&step.at);
                kept.clear();
                Ok(Value::Null)
            }
            "make-directory" => at.create_directory_at(path).map(|()| Value::Null),
            // Goes into what it made, so that no path gets long.
            "go-down" => {
                at.create_directory_at(path)?;
                let (oflags, flags) = how("dr");
                let below = at.open_at(none, path, oflags, flags)?;
                open.insert(step.at.clone(), below);
                Ok(Value::Null)
            }
            "remove-directory" => at.remove_directory_at(path).map(|()| Value::Null),
            "unlink" => at.unlink_file_at(path).map(|()| Value::Null),
            "rename" => at.rename_at(path, at, to).map(|()| Value::Null),
            "link" => at.link_at(none, path, at, to).map(|()| Value::Null),
            "symlink" => at.symlink_at(path, to).map(|()| Value::Null),
            "readlink" => at.readlink_at(path).map(Value::String),
            "stat" => at.stat_at(follow, path).map(|stat| {
                json!({ "type": format!("{:?}", stat.type_), "size": stat.size,
                        "modified": stat.data_modification_timestamp.map(|time| time.seconds) })
            }),
            "same" => {
                let (one, other) = (at.metadata_hash()?, at.metadata_hash_at(follow, path)?);
                Ok(json!((one.lower, one.upper) == (other.lower, other.upper)))
            }
            "set-size" => at.set_size(step.number).map(|()| Value::Null),
            "set-times" => {
                let time = Datetime { seconds: step.number, nanoseconds: u32::MAX };
                let time = NewTimestamp::Timestamp(time);
                at.set_times_at(none, path, time, time).map(|()| Value::Null)
            }
            "write" => at.write(step.text.as_bytes(), step.number).map(Value::from),
            "read" => {
                let (bytes, end) = at.read(1 << 20, step.number)?;
                Ok(json!([String::from_utf8_lossy(&bytes), end]))
            }
            "stream" => stream(&at.write_via_stream(step.number)?, step.text.as_bytes()),
            "append" => stream(&at.append_via_stream()?, step.text.as_bytes()),
            "fill" => stream(&at.append_via_stream()?, &vec![b'x'; 64 << 10]),
            "pour" => {
                let stream = at.read_via_stream(step.number)?;
                let mut bytes = Vec::new();
                while let Ok(chunk) = stream.blocking_read(CHUNK_BYTES as u64) {
                    bytes.extend(chunk);
                }
                Ok(json!(String::from_utf8_lossy(&bytes)))
            }
            "list" => {
                let entries = at.read_directory()?;
                let mut names = Vec::new();
                while let Some(entry) = entries.read_directory_entry()? {
                    names.push(entry.name);
                }
                Ok(json!(names))
            }
            "trap" => std::process::abort(),
            _ => Err(ErrorCode::Unsupported),
        }
    }
}

fn how(letters: &str) -> (OpenFlags, DescriptorFlags) {
    let (mut open, mut flags) = (OpenFlags::empty(), DescriptorFlags::empty());
    for letter in letters.chars() {
        match letter {
            'c' => open |= OpenFlags::CREATE,
            't' => open |= OpenFlags::TRUNCATE,
            'x' => open |= OpenFlags::EXCLUSIVE,
            'd' => open |= OpenFlags::DIRECTORY,
            'w' => flags |= DescriptorFlags::WRITE,
            _ => flags |= DescriptorFlags::READ,
        }
    }
    (open, flags)
}

/// Writes all of it; a stream's error is that of the file behind it.
fn stream(stream: &OutputStream, bytes: &[u8]) -> Result<Value, ErrorCode> {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        match stream.blocking_write_and_flush(chunk) {
            Ok(()) => {}
            Err(StreamError::Closed) => return Err(ErrorCode::Pipe),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(filesystem_error_code(&error).unwrap_or(ErrorCode::Io));
            }
        }
    }
    Ok(json!(bytes.len()))
}

venn_sdk::plugin!(Files);
