//! Small state of the install.
//!
//! A guest can read and write keys of its own install, and reads its own
//! writes; they are committed with an `ok` report. It cannot reach another
//! install's state: no argument names one. What it reads from a partnership's
//! partition counts as read from that partnership, so that data cannot be
//! carried into another partition by way of state.
use std::collections::BTreeSet;

use venn_domain::{capability::Capability, id::PartnershipId, limits};
use wasmtime::component::Linker;

use super::{Declined, Live, answered, partnership_id, perform};
use crate::{
    bindings::types::HostError,
    run::{effects::Draft, state::RunState},
    tape::entry::{Answer, Blob, Request},
};

type Partition = Option<String>;

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/state@0.1.0")?;
    interface.func_wrap_async("get", |cx, (partnership, key): (Partition, String)| {
        let request = Request::StateGet { partnership, key };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |answer| match answer {
                Answer::Value(value) => Some(value.map(|blob| Vec::from(blob.0))),
                _ => None,
            })?,))
        })
    })?;
    interface.func_wrap_async(
        "set",
        |cx, (partnership, key, value): (Partition, String, Vec<u8>)| {
            let request = Request::StateSet { partnership, key, value: Blob(value.into()) };
            Box::new(async move { Ok((done(perform(cx, request).await?)?,)) })
        },
    )?;
    interface.func_wrap_async("remove", |cx, (partnership, key): (Partition, String)| {
        let request = Request::StateRemove { partnership, key };
        Box::new(async move { Ok((done(perform(cx, request).await?)?,)) })
    })?;
    interface.func_wrap_async(
        "keys",
        |cx, (partnership, prefix, cursor): (Partition, String, Option<String>)| {
            let request = Request::StateKeys { partnership, prefix, cursor };
            Box::new(async move {
                let answer = perform(cx, request).await?;
                Ok((answered(answer, |answer| match answer {
                    Answer::Keys(keys) => Some(keys),
                    _ => None,
                })?,))
            })
        },
    )
}

fn done(answer: Answer) -> wasmtime::Result<Result<(), HostError>> {
    answered(answer, |_| Some(()))
}

/// A partition that may be used now.
fn partition(live: &Live, partition: Option<&str>) -> Result<Option<PartnershipId>, Declined> {
    let id = match partition {
        Some(text) => Some(partnership_id(text)?),
        None => None,
    };
    live.authority.allows_state_of(id.as_ref())?;
    Ok(id)
}

fn check_key(key: &str) -> Result<(), Declined> {
    match key.len() as u64 {
        0 => Err(Declined::invalid("`key` must not be empty")),
        1..=limits::STATE_KEY_BYTES => Ok(()),
        _ => Err(Declined::limit(format!(
            "state.key: a key has at most {} bytes",
            limits::STATE_KEY_BYTES
        ))),
    }
}

pub(super) async fn get(
    live: &Live,
    effects: &Draft,
    partnership: Option<&str>,
    key: &str,
) -> Result<Answer, Declined> {
    let id = partition(live, partnership)?;
    check_key(key)?;
    if let Some(own) = effects.written(id.as_ref(), key) {
        return Ok(Answer::Value(own.clone()));
    }
    let value = live.ports.state_get(id.as_ref(), key).await?;
    Ok(Answer::Value(value.map(|bytes| Blob(bytes.into()))))
}

pub(super) fn set(
    live: &Live,
    effects: &Draft,
    partnership: Option<&str>,
    key: &str,
    value: Option<&Blob>,
) -> Result<Answer, Declined> {
    let id = partition(live, partnership)?;
    live.authority.allows_write_to(Capability::State, id.as_ref(), effects.read_from())?;
    check_key(key)?;
    let bytes = value.map_or(0, |value| value.0.len()) as u64;
    if bytes > limits::STATE_VALUE_BYTES {
        let limit = limits::STATE_VALUE_BYTES;
        return Err(Declined::limit(format!("state.value: a value has at most {limit} bytes")));
    }
    if effects.state_bytes() + bytes > limits::STATE_BYTES {
        let limit = limits::STATE_BYTES;
        return Err(Declined::limit(format!(
            "state.bytes: an install keeps at most {limit} bytes"
        )));
    }
    if effects.state_keys() as u64 >= limits::STATE_KEYS {
        let limit = limits::STATE_KEYS;
        return Err(Declined::limit(format!("state.keys: an install keeps at most {limit} keys")));
    }
    Ok(Answer::Done)
}

/// Keys in one answer; a plugin goes on after the last one.
const KEYS_PAGE: u32 = 1_000;

pub(super) async fn keys(
    live: &Live,
    effects: &Draft,
    partnership: Option<&str>,
    prefix: &str,
    cursor: Option<&str>,
) -> Result<Answer, Declined> {
    let id = partition(live, partnership)?;
    if prefix.len() as u64 > limits::STATE_KEY_BYTES {
        return Ok(Answer::Keys(Vec::new()));
    }
    let stored = live.ports.state_keys(id.as_ref(), prefix, cursor, KEYS_PAGE).await?;
    // Own writes beyond a full page come with the next one.
    let end = (stored.len() >= KEYS_PAGE as usize).then(|| stored.last().cloned()).flatten();
    let mut keys: BTreeSet<String> = stored.into_iter().collect();
    for (key, value) in effects.writes_of(id.as_ref()) {
        let after = cursor.is_none_or(|cursor| key > cursor);
        let within = end.as_deref().is_none_or(|end| key <= end);
        if !key.starts_with(prefix) || !after || !within {
            continue;
        }
        if value.is_some() {
            keys.insert(key.to_owned());
        } else {
            keys.remove(key);
        }
    }
    Ok(Answer::Keys(keys.into_iter().collect()))
}
