//! Places for calls under way, and the queue for them. It has no clock and no lock of its own.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bedrock_llm_schema::Priority;
use tokio::time::Instant;

/// Places and the queue for them.
///
/// A place that comes free is *granted* to a waiter in the queue: it counts as taken from then on, so that nobody who
/// comes later takes it before the waiter is polled. A waiter that is dropped passes the place on.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_waiting: usize,
    age: Duration,
    taken: usize,
    peak: usize,
    /// One queue for each priority, each in the order of arrival.
    queues: [VecDeque<Waiter>; LEVELS],
    /// Those who have a place and do not know yet.
    granted: Vec<u64>,
    next_number: u64,
}

/// How many priorities there are.
pub(super) const LEVELS: usize = 3;

#[derive(Debug)]
struct Waiter {
    number: u64,
    since: Instant,
    waker: Option<Waker>,
}

/// What comes of asking for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Taken,
    Waits(u64),
    Full,
}

/// The queue of a priority, the lowest first.
pub(super) fn level(priority: Priority) -> usize {
    match priority {
        Priority::Batch => 0,
        Priority::Interactive => 2,
        _ => 1,
    }
}

impl Places {
    pub(super) fn new(most: usize, most_waiting: usize, age: Duration) -> Self {
        let queues = Default::default();
        Self { most, most_waiting, age, taken: 0, peak: 0, queues, granted: Vec::new(), next_number: 0 }
    }

    /// A place, or one in the queue.
    pub(super) fn ask(&mut self, priority: Priority, now: Instant) -> Asked {
        // whoever waits goes first; a free place beside a queue is granted already
        if self.taken < self.most {
            self.take();
            return Asked::Taken;
        }
        if self.waiting() >= self.most_waiting {
            return Asked::Full;
        }
        let number = self.next_number;
        self.next_number += 1;
        if let Some(queue) = self.queues.get_mut(level(priority)) {
            queue.push_back(Waiter { number, since: now, waker: None });
        }
        Asked::Waits(number)
    }

    fn take(&mut self) {
        self.taken += 1;
        self.peak = self.peak.max(self.taken);
    }

    /// Whether the waiter has a place now; it is woken when that comes about.
    pub(super) fn poll_granted(&mut self, number: u64, waker: &Waker) -> bool {
        if let Some(index) = self.granted.iter().position(|granted| *granted == number) {
            self.granted.swap_remove(index);
            return true;
        }
        if let Some(waiter) = self.queues.iter_mut().flatten().find(|waiter| waiter.number == number) {
            match &mut waiter.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        false
    }

    /// Gives a place back, and gives who is to be woken: the one who has it now.
    pub(super) fn give_back(&mut self, now: Instant) -> Option<Waker> {
        self.taken -= 1;
        let waiter = self.next(now)?;
        self.take();
        self.granted.push(waiter.number);
        waiter.waker
    }

    /// Leaves the queue. A place that was granted meanwhile goes on to the next, who is to be woken.
    pub(super) fn leave(&mut self, number: u64, now: Instant) -> Option<Waker> {
        if let Some(index) = self.granted.iter().position(|granted| *granted == number) {
            self.granted.swap_remove(index);
            return self.give_back(now);
        }
        for queue in &mut self.queues {
            queue.retain(|waiter| waiter.number != number);
        }
        None
    }

    /// Who is next: of the first of each queue the one with the highest priority, age counted in; of those the one
    /// who has waited longest.
    fn next(&mut self, now: Instant) -> Option<Waiter> {
        let age = self.age.as_nanos().max(1);
        let rank = |(level, queue): (usize, &VecDeque<Waiter>)| {
            let first = queue.front()?;
            let aged = now.saturating_duration_since(first.since).as_nanos() / age;
            Some((level as u128 + aged, std::cmp::Reverse(first.number), level))
        };
        let (.., level) = self.queues.iter().enumerate().filter_map(rank).max()?;
        self.queues.get_mut(level)?.pop_front()
    }

    /// Calls under way, those included that have a place and do not know yet.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The most calls that ever were under way.
    pub(super) fn peak(&self) -> usize {
        self.peak
    }

    pub(super) fn waiting(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Who waits, by priority, the lowest first.
    pub(super) fn queued(&self) -> [usize; LEVELS] {
        self.queues.each_ref().map(VecDeque::len)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const AGE: Duration = Duration::from_secs(1);

    #[derive(Debug, Clone)]
    enum Step {
        Ask(Priority),
        /// A call that is under way ends.
        End,
        /// The nth of those who wait, or have a place and do not know, is dropped.
        Drop(usize),
        /// All who have a place come to know.
        Poll,
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let priority =
            prop_oneof![Just(Priority::Batch), Just(Priority::Normal), Just(Priority::Interactive)];
        prop_oneof![
            4 => priority.prop_map(Step::Ask),
            3 => Just(Step::End),
            2 => (0_usize..8).prop_map(Step::Drop),
            2 => Just(Step::Poll),
            1 => (0_u64..3000).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// Beside it a naive model: a list of who waits, sorted anew each time a place comes free.
        #[test]
        fn places_go_to_whom_a_naive_model_gives_them(
            most in 1_usize..4,
            most_waiting in 0_usize..6,
            steps in proptest::collection::vec(step(), 1..120),
        ) {
            let waker = Waker::noop();
            let mut now = Instant::now();
            let mut places = Places::new(most, most_waiting, AGE);
            let mut running = 0_usize;
            let mut waiting: Vec<(u64, usize, Instant)> = Vec::new();
            let mut granted = BTreeSet::new();
            let grant = |waiting: &mut Vec<(u64, usize, Instant)>, granted: &mut BTreeSet<u64>, now: Instant| {
                let rank = |(number, level, since): &(u64, usize, Instant)| {
                    let aged = usize::try_from((now - *since).as_secs()).unwrap();
                    (std::cmp::Reverse(level + aged), *number)
                };
                waiting.sort_by_key(rank);
                if !waiting.is_empty() {
                    granted.insert(waiting.remove(0).0);
                }
            };
            for step in steps {
                match step {
                    Step::Ask(priority) => match places.ask(priority, now) {
                        Asked::Taken => {
                            prop_assert!(waiting.is_empty(), "nobody is passed over");
                            running += 1;
                        }
                        Asked::Waits(number) => waiting.push((number, level(priority), now)),
                        Asked::Full => prop_assert_eq!(waiting.len(), most_waiting),
                    },
                    Step::End if running == 0 => {}
                    Step::End => {
                        running -= 1;
                        places.give_back(now);
                        grant(&mut waiting, &mut granted, now);
                    }
                    Step::Drop(nth) => {
                        let all: Vec<u64> = waiting.iter().map(|waiter| waiter.0).chain(granted.iter().copied()).collect();
                        if let Some(number) = all.get(nth) {
                            places.leave(*number, now);
                            waiting.retain(|waiter| waiter.0 != *number);
                            if granted.remove(number) {
                                grant(&mut waiting, &mut granted, now);
                            }
                        }
                    }
                    Step::Poll => {
                        for (number, ..) in &waiting {
                            prop_assert!(!places.poll_granted(*number, waker));
                        }
                        for number in std::mem::take(&mut granted) {
                            prop_assert!(places.poll_granted(number, waker), "{number}");
                            running += 1;
                        }
                    }
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                }
                prop_assert_eq!(places.taken(), running + granted.len());
                prop_assert!(places.taken() <= most && places.peak() <= most);
                prop_assert_eq!(places.waiting(), waiting.len());
                prop_assert!(waiting.is_empty() || places.taken() == most, "no place is free while somebody waits");
            }
            for number in std::mem::take(&mut granted) {
                places.poll_granted(number, waker);
                running += 1;
            }
            for (number, ..) in waiting {
                places.leave(number, now);
            }
            for _ in 0..running {
                places.give_back(now);
            }
            prop_assert_eq!(places.taken(), 0, "every place came back");
        }
    }
}
