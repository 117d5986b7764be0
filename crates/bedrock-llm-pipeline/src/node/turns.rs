//! Turns at a steady rate, for all who ask.
//!
//! Each who asks gets a time of its own at once, so that one who is not polled, or is slow to come, holds no other up.
//! The times are those of the generic cell rate algorithm: a turn every interval, of which some may be saved up.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::probe::locked;

/// As fine as timers are, and a little more: a turn's waiter comes this late.
const TICK: Duration = Duration::from_millis(2);

/// Who is later than this, and than an interval, has missed its turn: or else all who were held up would begin at once.
const LATE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Turns {
    interval: Duration,
    /// How far ahead of the steady times one may be.
    ahead: Duration,
    queue: Mutex<Queue>,
    /// Turns have moved up.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// The first steady time that is not given away.
    next: Option<Instant>,
    ticket: u64,
    /// Who waits, in the order in which they came, and until when.
    waiting: BTreeMap<u64, Instant>,
}

impl Turns {
    /// A turn every `interval`; `burst` at once after a rest.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        let saved = interval.saturating_mul(burst.saturating_sub(1));
        let ahead = if interval < TICK { saved.max(TICK) } else { saved };
        Self { interval, ahead, queue: Mutex::default(), moved: Notify::new() }
    }

    /// Waits for a turn. Who is dropped while it waits gives it to the next.
    pub(super) async fn wait(&self) {
        'place: loop {
            let Some(place) = self.take_place() else { return };
            loop {
                // from before the look at the time, so that no move is missed
                let moved = self.moved.notified();
                let until = place.until();
                if timeout_at(until, moved).await.is_ok() {
                    continue;
                }
                if until.elapsed() > self.interval.max(LATE) {
                    continue 'place;
                }
                return;
            }
        }
    }

    /// A place in the queue, or none if it is one's turn already.
    fn take_place(&self) -> Option<Place<'_>> {
        let now = Instant::now();
        let mut queue = locked(&self.queue);
        let steady = queue.next.map_or(now, |next| next.max(now));
        queue.next = Some(steady + self.interval);
        let until = steady.checked_sub(self.ahead).filter(|until| *until > now)?;
        queue.ticket += 1;
        let ticket = queue.ticket;
        queue.waiting.insert(ticket, until);
        Some(Place { turns: self, ticket, until })
    }
}

struct Place<'a> {
    turns: &'a Turns,
    ticket: u64,
    /// As it was given out.
    until: Instant,
}

impl Place<'_> {
    /// When its turn is, which may move up.
    fn until(&self) -> Instant {
        locked(&self.turns.queue).waiting.get(&self.ticket).copied().unwrap_or(self.until)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut queue = locked(&self.turns.queue);
        let Some(mut free) = queue.waiting.remove(&self.ticket) else { return };
        // its turn has come: it is used, or past
        if free <= now {
            return;
        }
        for until in queue.waiting.range_mut(self.ticket..).map(|(_, until)| until) {
            std::mem::swap(until, &mut free);
        }
        queue.next = queue.next.and_then(|next| next.checked_sub(self.turns.interval));
        drop(queue);
        self.turns.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::future::{join_all, poll_immediate};
    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;

    /// When each of those who ask at once begins, in ms.
    async fn begun(turns: &Turns, count: usize) -> Vec<u128> {
        let start = Instant::now();
        join_all((0..count).map(|_| async {
            turns.wait().await;
            start.elapsed().as_millis()
        }))
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_evenly_after_the_burst() {
        let turns = Turns::new(Duration::from_millis(100), 3);
        assert_eq!(begun(&turns, 6).await, [0, 0, 0, 100, 200, 300]);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(begun(&turns, 4).await, [0, 0, 0, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_dropped_gives_its_turn_to_the_next() {
        let turns = Arc::new(Turns::new(Duration::from_millis(100), 1));
        turns.wait().await;
        let start = Instant::now();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move {
                    turns.wait().await;
                    start.elapsed().as_millis()
                })
            })
            .collect();
        sleep(Duration::from_millis(50)).await;
        let mut waiters = waiters.into_iter();
        waiters.next().unwrap().abort();
        let times: Vec<_> = join_all(waiters).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(times, [100, 200]);
        turns.wait().await;
        assert_eq!(start.elapsed().as_millis(), 300);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_polled_holds_no_other_up() {
        let turns = Turns::new(Duration::from_millis(100), 1);
        turns.wait().await;
        let mut first = pin!(turns.wait());
        assert!(poll_immediate(&mut first).await.is_none());
        let start = Instant::now();
        turns.wait().await;
        assert_eq!(start.elapsed().as_millis(), 200);
        // and has missed its turn when it comes late
        sleep(Duration::from_millis(150)).await;
        turns.wait().await;
        first.await;
        assert_eq!(start.elapsed().as_millis(), 450);
    }

    #[tokio::test(start_paused = true)]
    async fn rates_finer_than_timers_are_kept() {
        let turns = Turns::new(Duration::from_micros(10), 1);
        let start = Instant::now();
        for _ in 0..100_000 {
            turns.wait().await;
        }
        let took = start.elapsed();
        assert!((Duration::from_millis(990)..Duration::from_millis(1010)).contains(&took), "{took:?}");
    }

    proptest! {
        /// Whatever waiters come, go and are given up: no more begin in a time than the rate and the burst let.
        #[test]
        fn never_more_than_the_rate(
            burst in 1_u32..6,
            waiters in prop::collection::vec((0_u64..2000, prop::option::of(0_u64..800)), 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let times = runtime.block_on(async {
                let turns = Turns::new(Duration::from_millis(100), burst);
                let start = Instant::now();
                let waits = waiters.iter().map(|(comes, patience)| {
                    let turns = &turns;
                    async move {
                        sleep(Duration::from_millis(*comes)).await;
                        let patience = patience.map_or(Duration::from_secs(1000), Duration::from_millis);
                        let turn = tokio::time::timeout(patience, turns.wait()).await;
                        turn.is_ok().then(|| start.elapsed())
                    }
                });
                join_all(waits).await
            });
            let patient = waiters.iter().filter(|(_, patience)| patience.is_none()).count();
            let mut times: Vec<_> = times.into_iter().flatten().collect();
            times.sort();
            prop_assert!(times.len() >= patient);
            for (place, time) in times.iter().enumerate() {
                // the one that begins `burst` turns later is at least an interval behind
                if let Some(later) = times.get(place + burst as usize) {
                    prop_assert!(*later - *time >= Duration::from_millis(99), "{times:?}");
                }
            }
            // nobody waits for turns that nobody takes: the queue is as short as those who stayed
            let last = waiters.iter().map(|(comes, _)| *comes).max().unwrap_or_default();
            let latest = Duration::from_millis(last + 100 * waiters.len() as u64);
            prop_assert!(times.last().is_none_or(|time| *time <= latest));
        }
    }
}
