//! What a layer keeps for each model and region, in a bounded number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedrock_llm_schema::{ModelId, Operation};

/// The most that is kept. A client talks to few models; ids that come from outside must not fill the memory.
const MOST: usize = 1024;

/// Whether the operation is one that a model answers, and not one beside it with limits and troubles of its own.
pub(super) fn is_answered_by_a_model(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Converse
            | Operation::ConverseStream
            | Operation::InvokeModel
            | Operation::InvokeModelWithResponseStream
            | Operation::Rerank
    )
}

/// Something of which nothing is lost when it is forgotten.
pub(super) trait Idle {
    fn is_idle(&self) -> bool;
}

/// A `T` for each model and region. Beyond [`MOST`] the longest unused idle one gives way.
#[derive(Debug)]
pub(super) struct ByTarget<T>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    models: HashMap<ModelId, Vec<Target<T>>>,
    count: usize,
    uses: u64,
}

#[derive(Debug)]
struct Target<T> {
    region: Option<Arc<str>>,
    last_use: u64,
    state: Arc<T>,
}

impl<T: Idle> ByTarget<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kept { models: HashMap::new(), count: 0, uses: 0 }))
    }

    /// What is kept for a model in a region, made where there is nothing yet; `None` where there are too many and
    /// none of them idle.
    pub(super) fn get_or_make(
        &self,
        model: &ModelId,
        region: Option<&str>,
        make: impl FnOnce(Option<Arc<str>>) -> T,
    ) -> Option<Arc<T>> {
        let mut kept = self.lock();
        kept.uses += 1;
        let now = kept.uses;
        if let Some(target) = kept.find(model, region) {
            target.last_use = now;
            return Some(Arc::clone(&target.state));
        }
        if kept.count >= MOST && !kept.forget_one() {
            return None;
        }
        let region: Option<Arc<str>> = region.map(Arc::from);
        let state = Arc::new(make(region.clone()));
        kept.models.entry(model.clone()).or_default().push(Target {
            region,
            last_use: now,
            state: Arc::clone(&state),
        });
        kept.count += 1;
        Some(state)
    }

    /// What is kept for a model in a region.
    pub(super) fn get(&self, model: &ModelId, region: Option<&str>) -> Option<Arc<T>> {
        self.lock().find(model, region).map(|target| Arc::clone(&target.state))
    }

    /// All that is kept, in no order.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.lock().models.values().flatten().map(|target| Arc::clone(&target.state)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Idle> Kept<T> {
    fn find(&mut self, model: &ModelId, region: Option<&str>) -> Option<&mut Target<T>> {
        self.models.get_mut(model)?.iter_mut().find(|target| target.region.as_deref() == region)
    }

    /// Forgets the longest unused of those that are idle.
    fn forget_one(&mut self) -> bool {
        let idle = |(model, targets): (&ModelId, &Vec<Target<T>>)| {
            let oldest = targets.iter().filter(|target| target.state.is_idle()).map(|t| t.last_use).min()?;
            Some((oldest, model.clone()))
        };
        let Some((last_use, model)) = self.models.iter().filter_map(idle).min() else { return false };
        if let Some(targets) = self.models.get_mut(&model) {
            targets.retain(|target| target.last_use != last_use);
            if targets.is_empty() {
                self.models.remove(&model);
            }
        }
        self.count -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Thing {
        number: usize,
        busy: AtomicBool,
    }

    impl Idle for Thing {
        fn is_idle(&self) -> bool {
            !self.busy.load(Ordering::Relaxed)
        }
    }

    fn thing(number: usize) -> impl FnOnce(Option<Arc<str>>) -> Thing {
        move |_| Thing { number, busy: AtomicBool::new(false) }
    }

    fn model(number: usize) -> ModelId {
        ModelId::from(format!("model-{number}"))
    }

    #[test]
    fn a_model_has_one_state_in_each_region() {
        let kept = ByTarget::new();
        let first = kept.get_or_make(&model(1), None, thing(1)).unwrap();
        let second = kept.get_or_make(&model(1), Some("eu-west-1"), thing(2)).unwrap();
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(kept.get_or_make(&model(1), Some("eu-west-1"), thing(3)).unwrap().number, 2);
        assert_eq!(kept.get(&model(1), None).unwrap().number, 1);
        assert!(kept.get(&model(2), None).is_none());
    }

    #[test]
    fn the_longest_unused_idle_one_gives_way() {
        let kept = ByTarget::new();
        let first: Vec<_> = (0..MOST).map(|n| kept.get_or_make(&model(n), None, thing(n)).unwrap()).collect();
        first[0].busy.store(true, Ordering::Relaxed);
        kept.get_or_make(&model(1), None, thing(1)).unwrap();
        kept.get_or_make(&model(MOST), None, thing(MOST)).unwrap();
        assert_eq!(kept.all().len(), MOST);
        assert!(kept.get(&model(2), None).is_none(), "the longest unused");
        assert!(kept.get(&model(0), None).is_some() && kept.get(&model(1), None).is_some());
        for thing in kept.all() {
            thing.busy.store(true, Ordering::Relaxed);
        }
        assert!(
            kept.get_or_make(&model(MOST + 1), None, thing(0)).is_none(),
            "nothing that is needed is forgotten"
        );
        assert!(kept.get_or_make(&model(5), None, thing(0)).is_some());
    }
}
