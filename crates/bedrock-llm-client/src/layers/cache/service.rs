//! The service of the cache.

use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::response::Replayable;
use bedrock_llm_schema::{Error, Request};
use tower::Service;

use super::key::Key;
use super::store::Store;
use super::{CacheConfig, CacheFuture, CachePolicy};

/// The service of [`CacheLayer`](super::CacheLayer).
#[derive(Debug, Clone)]
pub struct Cache<S> {
    inner: S,
    store: Arc<Store>,
}

impl<S> Cache<S> {
    pub(super) fn new(inner: S, store: Arc<Store>) -> Self {
        Self { inner, store }
    }
}

impl<S, R> Service<R> for Cache<S>
where
    R: Request<Response: Replayable>,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Response = R::Response;
    type Error = Error;
    type Future = CacheFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let key = if is_wanted(&self.store.config, &request) { Key::of(&request) } else { None };
        match key {
            None => CacheFuture::passing(&self.store, self.inner.call(request)),
            Some(key) => CacheFuture::looking(&self.store, &mut self.inner, request, key),
        }
    }
}

fn is_wanted<R: Request>(config: &CacheConfig, request: &R) -> bool {
    match (request.options().cache, config.policy) {
        (CacheUse::Bypass, _) => false,
        (CacheUse::Default, CachePolicy::Repeatable) => request.is_repeatable(),
        (CacheUse::Default, CachePolicy::OnRequest) => false,
        _ => true,
    }
}
