//! Randomness.
//!
//! A guest gets bytes from the host's generator, at most 64 KiB a call: it
//! cannot make the host allocate more. The bytes are taped, so that a replay
//! makes the same ids. The insecure interfaces give the same good bytes.
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::exchange_now;
use crate::{
    engine::to_usize,
    run::{state::RunState, stop::Stop},
    tape::entry::{Answer, Blob, Request},
};
use venn_domain::limits;

struct Random;

struct RandomView<'a>(&'a mut RunState);

impl HasData for Random {
    type Data<'a> = RandomView<'a>;
}

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    random::add_to_linker::<_, Random>(linker, |state| RandomView(state))?;
    insecure::add_to_linker::<_, Random>(linker, |state| RandomView(state))?;
    insecure_seed::add_to_linker::<_, Random>(linker, |state| RandomView(state))
}

/// Fresh bytes, as an answer.
fn fresh(count: u64) -> Result<Answer, Stop> {
    if count > limits::RUN_RANDOM_BYTES {
        return Err(Stop::Limit("run.random"));
    }
    let mut bytes = vec![0; to_usize(count)];
    getrandom::fill(&mut bytes)
        .map_err(|error| Stop::HostFailed(format!("no randomness: {error}")))?;
    Ok(Answer::Bytes(Blob(bytes.into())))
}

impl RandomView<'_> {
    fn ask(&mut self, bytes: u64) -> wasmtime::Result<Vec<u8>> {
        let request = Request::Random { bytes };
        match exchange_now(&mut self.0.core, request, |_| fresh(bytes))? {
            Answer::Bytes(blob) => Ok(blob.0.into()),
            _ => Err(Stop::HostFailed("the tape holds another kind of answer".to_owned()).into()),
        }
    }

    fn ask_u64(&mut self) -> wasmtime::Result<u64> {
        let bytes = self.ask(8)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl random::Host for RandomView<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.ask(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.ask_u64()
    }
}

impl insecure::Host for RandomView<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.ask(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.ask_u64()
    }
}

impl insecure_seed::Host for RandomView<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.ask_u64()?, self.ask_u64()?))
    }
}
