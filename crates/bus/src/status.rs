//! How far the relay is, for those who watch it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared between the relay and those who watch it.
#[derive(Debug, Default)]
pub struct RelayStatus {
    relayed: AtomicU64,
    published: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl RelayStatus {
    /// Everything up to this position is on Kafka, as far as this process knows; 0 before it has led.
    pub fn relayed_position(&self) -> u64 {
        self.relayed.load(Ordering::Acquire)
    }

    /// Events that this process has published.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Why it cannot go on now, if it cannot.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[cfg(feature = "kafka")]
    pub(crate) fn reached(&self, position: u64, published: u64) {
        self.published.fetch_add(published, Ordering::Relaxed);
        self.relayed.store(position, Ordering::Release);
    }

    /// True when it is news.
    #[cfg(feature = "kafka")]
    pub(crate) fn is_in_trouble(&self, why: Option<String>) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = trouble.is_some() != why.is_some();
        *trouble = why;
        is_news
    }
}
