//! Threads that own the connections: SQLite blocks, and async tasks must not.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{StoreError, moment::WalIndex};

/// Jobs that may wait; beyond that callers are told to come again, so that memory stays bounded.
const QUEUE_MAX: usize = 4096;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// One or more threads, each with its own connection, taking jobs from one queue.
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Jobs in the order in which they came. A channel whose receivers take turns would wake a second
/// thread for each job, to wait for the next one.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl Queue {
    /// Adds a job, unless there are too many or there will be nobody to do it.
    fn add(&self, job: Job) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(closed());
        }
        if state.jobs.len() >= QUEUE_MAX {
            let reason = format!("{QUEUE_MAX} calls are waiting already; come again");
            return Err(StoreError::unavailable(reason));
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next job; nothing once the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let is_waited_for = |state: &mut QueueState| state.jobs.is_empty() && !state.is_closed;
        let waited = self.changed.wait_while(self.lock(), is_waited_for);
        waited.unwrap_or_else(PoisonError::into_inner).jobs.pop_front()
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing in here can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads end when nobody can ask them any more.
impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Workers {
    /// Starts one thread per connection. Each keeps `kept_open` open until its connection is closed.
    pub(crate) fn start(
        name: &str,
        connections: Vec<Connection>,
        kept_open: Option<&Arc<WalIndex>>,
    ) -> Result<Self, StoreError> {
        // Dropped with those that were started, if one cannot be.
        let mut workers = Self { queue: Arc::default(), threads: Mutex::default() };
        for (index, connection) in connections.into_iter().enumerate() {
            let jobs = Arc::clone(&workers.queue);
            let kept_open = kept_open.cloned();
            let thread = thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || {
                    work(connection, &jobs);
                    drop(kept_open);
                })
                .map_err(|e| StoreError::unavailable(format!("cannot start a thread: {e}")))?;
            workers.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(workers)
    }

    /// Runs `job` on one of the threads. A job whose caller has gone before its turn is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if !reply.is_closed() {
                // A caller that went meanwhile is not an error.
                let _ = reply.send(job(connection));
            }
        });
        self.queue.add(job)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::internal("a call of the store panicked")))
    }

    /// Takes no more jobs, and gives back the threads, which end when the queue is empty.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        self.queue.close();
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("it has been closed")
}

fn work(mut connection: Connection, jobs: &Queue) {
    while let Some(job) = jobs.next() {
        // A panic rolls its transaction back as it unwinds; the connection stays good.
        if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
            tracing::error!("a call of the store panicked; its transaction was rolled back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Workers {
        let connection = Connection::open_in_memory().expect("memory");
        Workers::start("test", vec![connection], None).expect("a thread")
    }

    #[tokio::test]
    async fn a_panic_ends_one_call_and_rolls_it_back() {
        let workers = one();
        let make = |connection: &mut Connection| {
            connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY)").expect("sql");
            Ok(())
        };
        workers.run(make).await.expect("a table");
        let error = workers.run(|connection| -> Result<(), StoreError> {
            let transaction = connection.transaction().expect("a transaction");
            transaction.execute("INSERT INTO t VALUES (1)", []).expect("a row");
            panic!("on purpose");
        });
        let error = error.await.expect_err("it panicked");
        assert!(matches!(error, StoreError::Internal { .. }), "{error}");
        let rows = workers.run(|connection| {
            let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
            Ok(count.expect("a count"))
        });
        assert_eq!(rows.await.map_err(|e| e.to_string()), Ok(0_i64));
    }

    #[tokio::test]
    async fn a_full_queue_says_come_again() {
        let workers = Arc::new(one());
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let first = Arc::clone(&workers);
        let busy = tokio::spawn(async move {
            let job = move |_: &mut Connection| {
                begun.send(()).expect("somebody waits");
                // Ends when the other side is dropped.
                let _ = held.recv();
                Ok(())
            };
            first.run(job).await
        });
        begins.await.expect("the first job runs");
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..=QUEUE_MAX {
            let workers = Arc::clone(&workers);
            waiting.spawn(async move { workers.run(|_| Ok(())).await });
        }
        let refused = waiting.join_next().await.expect("one").expect("no panic");
        assert!(refused.expect_err("one too many").is_retryable());
        drop(hold);
        while let Some(done) = waiting.join_next().await {
            done.expect("no panic").expect("each of the others has its turn");
        }
        busy.await.expect("no panic").expect("the first");
        for thread in workers.stop() {
            thread.join().expect("it ends");
        }
        let closed = workers.run(|_| Ok(())).await.expect_err("closed");
        assert!(closed.to_string().contains("closed"), "{closed}");
    }
}
