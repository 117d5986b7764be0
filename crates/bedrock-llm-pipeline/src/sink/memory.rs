//! Sinks into memory.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::Sink;
use crate::BoxError;
use crate::probe::locked;

/// Keeps all results. Clones share them.
#[derive(Debug)]
pub struct Collect<T>(Arc<Mutex<Vec<T>>>);

impl<T> Collect<T> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Takes out what is there.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut locked(&self.0))
    }
}

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Collect<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Sink<T> for Collect<T> {
    async fn write(&mut self, item: T) -> Result<(), BoxError> {
        locked(&self.0).push(item);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Sends results into a bounded channel; made by [`channel`].
#[derive(Debug)]
pub struct ChannelSink<T>(mpsc::Sender<T>);

/// A sink into a bounded channel. It waits while the channel is full, and fails when nobody reads any more.
#[must_use]
pub fn channel<T>(sender: mpsc::Sender<T>) -> ChannelSink<T> {
    ChannelSink(sender)
}

impl<T: Send + 'static> Sink<T> for ChannelSink<T> {
    async fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.0.send(item).await.map_err(|_| "nobody reads the channel any more".into())
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
