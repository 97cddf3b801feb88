//! What this process uses, and whether anything in it panicked.
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Memory that may stay behind: allocators keep what they were given.
const MEMORY_SLACK_BYTES: u64 = 64 << 20;
/// Tasks that may stay behind: a pooled connection or two.
const TASKS_SLACK: usize = 4;
/// Files likewise; the database's readers are opened as they are needed, each with two.
const FILES_SLACK: usize = 20;
/// How often [`Use::settled`] looks, and how long in between.
const LOOKS: u32 = 200;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub memory_bytes: u64,
    pub files: usize,
    pub tasks: usize,
}

impl Use {
    /// Just now; forgets the highest mark.
    pub fn now() -> Self {
        // Where the kernel does not let us, the mark is of the whole life.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Self { memory_bytes: status("VmRSS:"), files: files(), tasks }
    }

    /// Waits until it is back where it was, and returns what is left over.
    pub async fn settled(self) -> Result<u64, String> {
        let mut last = String::new();
        for _ in 0..LOOKS {
            let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
            let (memory, files) = (status("VmRSS:"), files());
            let more = memory.saturating_sub(self.memory_bytes);
            if more <= MEMORY_SLACK_BYTES
                && files <= self.files + FILES_SLACK
                && tasks <= self.tasks + TASKS_SLACK
            {
                return Ok(more);
            }
            last = format!(
                "memory {} -> {memory}, files {} -> {files}, tasks {} -> {tasks}",
                self.memory_bytes, self.files, self.tasks
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(last)
    }
}

/// The most memory since the last [`Use::now`].
pub fn memory_peak_bytes() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

fn files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Counts every panic from now on, also one that a task or a layer swallows.
pub fn panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, before) = (count.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    count
}
