//! Times as stores keep them: in whole microseconds, which every database can.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Retention, SessionInfo};

pub(super) fn now() -> SystemTime {
    of_micros(micros(SystemTime::now()))
}

/// Microseconds since 1970. A time before is 1970.
pub(super) fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn of_micros(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

impl Retention {
    /// Which of these sessions, the one used last first, are past keeping.
    pub(super) fn past(self, sessions: Vec<SessionInfo>, now: SystemTime) -> Vec<SessionInfo> {
        let is_past = |place: usize, session: &SessionInfo| {
            // a session of the future is not idle
            let idle = now.duration_since(session.updated).unwrap_or_default();
            self.max_idle.is_some_and(|most| idle > most)
                || self.max_sessions.is_some_and(|most| place >= most)
        };
        let past = sessions.into_iter().enumerate().filter(|(place, session)| is_past(*place, session));
        past.map(|(_, session)| session).collect()
    }
}
