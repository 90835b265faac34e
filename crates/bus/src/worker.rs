//! A thread that works until it is told to stop.

use node::stand_back;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

/// Works in the background, behind orders. Dropping it without [`Worker::stop`] leaves it at work.
pub struct Worker {
    stop: Stop,
    thread: JoinHandle<()>,
}

/// Whether it is to stop.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_told(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Worker {
    /// Begins.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(name: &'static str, work: impl FnOnce(Stop) + Send + 'static) -> io::Result<Self> {
        let stop = Stop::default();
        let told = stop.clone();
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            stand_back(name);
            work(told);
        })?;
        Ok(Self { stop, thread })
    }

    /// Tells it to end where it is, and does not wait: it may take seconds while Kafka is away.
    pub fn begin_to_stop(&self) {
        self.stop.0.store(true, Ordering::Release);
    }

    /// Ends it where it is. Whoever leads next goes on there.
    pub fn stop(self) {
        self.begin_to_stop();
        // It has told of its own trouble.
        let _ = self.thread.join();
    }
}
