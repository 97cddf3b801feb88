//! Reading and writing a file from its begin to its end, counted like any write.
use bytes::Bytes;
use rustix::io::Errno;
use wasmtime_wasi::p2::{
    InputStream, OutputStream, Pollable, StreamError, StreamResult,
    bindings::filesystem::types::ErrorCode,
};

use super::{CHUNK_BYTES, Failed, Hold};

/// What a stream's error is for a program of the C library.
fn failed(failed: Failed) -> StreamError {
    let errno = match failed {
        Failed::Stop(stop) => return StreamError::Trap(stop.into()),
        Failed::Code(ErrorCode::InsufficientSpace) => Errno::NOSPC,
        Failed::Code(_) => Errno::IO,
    };
    StreamError::LastOperationFailed(std::io::Error::from(errno).into())
}

/// From some place in a file to its end.
pub(crate) struct Reader {
    pub(crate) file: Hold,
    pub(crate) at: u64,
}

#[async_trait::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.file.scratch.read(self.file.node, self.at, size).map_err(failed)?;
        if bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// From some place in a file on, or always at its end.
pub(crate) struct Writer {
    pub(crate) file: Hold,
    pub(crate) at: Option<u64>,
    /// After the first error there is nothing more to be had from a stream.
    pub(crate) closed: bool,
}

#[async_trait::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > self.check_write()? {
            return Err(StreamError::trap("write exceeded what check-write permitted"));
        }
        let began = self.file.scratch.write(self.file.node, self.at, &bytes);
        self.closed = began.is_err();
        let began = began.map_err(failed)?;
        self.at = self.at.map(|_| began.saturating_add(bytes.len() as u64));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(|_| ())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.closed { Err(StreamError::Closed) } else { Ok(CHUNK_BYTES) }
    }
}
