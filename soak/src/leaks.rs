//! What a process holds, before and after.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::ALLOCATOR;

/// What may be kept by caches of the runtime and of libraries, in bytes.
const KEPT: isize = 1 << 20;

/// What the process holds.
pub(crate) struct Resources {
    allocated: isize,
    tasks: usize,
    /// Open files, sockets among them; none where the system does not tell.
    files: Option<usize>,
}

impl Resources {
    pub(crate) fn now() -> Self {
        let stats = ALLOCATOR.stats();
        let allocated = stats.bytes_allocated as isize - stats.bytes_deallocated as isize;
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        Self { allocated, tasks: Handle::current().metrics().num_alive_tasks(), files }
    }

    /// What is held when nothing changes any more.
    pub(crate) async fn at_rest() -> Self {
        let patience = Instant::now() + Duration::from_secs(5);
        let mut last = Self::now();
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = Self::now();
            if (now.tasks, now.files) == (last.tasks, last.files) || Instant::now() > patience {
                return now;
            }
            last = now;
        }
    }

    /// What is held when what is on its way out has gone, which takes a moment.
    pub(crate) async fn settled(before: &Self) -> Self {
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            let now = Self::now();
            if now.leaks(before).is_empty() || Instant::now() > patience {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn leaks(&self, before: &Self) -> Vec<String> {
        let mut leaks = Vec::new();
        if self.allocated > before.allocated + KEPT {
            leaks.push(format!("{} bytes more are allocated", self.allocated - before.allocated));
        }
        if self.tasks > before.tasks {
            leaks.push(format!("{} tasks more are alive", self.tasks - before.tasks));
        }
        if self.files > before.files {
            leaks.push(format!("open files: {:?} before, {:?} after", before.files, self.files));
        }
        leaks
    }

    pub(crate) fn beside(&self, before: &Self) -> String {
        let files =
            |files: Option<usize>| files.map_or_else(|| "unknown".to_owned(), |files| files.to_string());
        format!(
            "before and after: {} and {} KiB allocated, {} and {} tasks, {} and {} open files",
            before.allocated >> 10,
            self.allocated >> 10,
            before.tasks,
            self.tasks,
            files(before.files),
            files(self.files),
        )
    }
}
